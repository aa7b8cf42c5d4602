"""The runs and funnels of a subset and of the subsets that it was made from, as one chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import DjError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.home.run_manifest import FunnelStep, RunManifest
from dj_assets.urls import is_url


@dataclass(frozen=True)
class ChainLink:
    """One subset of a chain with its funnel; loading is the first step if it lost records."""

    subset: str
    samples_in: int
    samples_out: int
    steps: tuple[FunnelStep, ...]

    @classmethod
    def of(cls, manifest: RunManifest) -> ChainLink:
        """Return the link of a run."""
        steps = (*manifest.loading, *manifest.funnel)
        return cls(manifest.name.rpartition("/")[2], manifest.samples_in, manifest.samples_out, steps)


def funnel_chain(manifest: RunManifest) -> tuple[ChainLink, ...]:
    """Return the links from the first subset to that of a run; one link where its input is no refined subset."""
    return tuple(ChainLink.of(run) for run in (*(run for _, run in runs_before(manifest)), manifest))


def runs_before(manifest: RunManifest) -> tuple[tuple[Layout, RunManifest], ...]:
    """Return the runs of the subsets that the input of a run was made from, from the first one on.

    The chain follows the source files of each run to the folder that they were published in. It ends where a subset has
    several of them, or where the newest run of a folder kept another number of samples than was read from it: then it
    was refined again since.
    """
    found: list[tuple[Layout, RunManifest]] = []
    seen = set[Path]()
    while (folder := _folder_of_sources(manifest)) is not None and folder not in seen:
        seen.add(folder)
        earlier = _published_run(folder)
        if earlier is None or earlier[1].mix or earlier[1].samples_out != manifest.samples_in:
            break
        found.insert(0, earlier)
        manifest = earlier[1]
    return tuple(found)


def _folder_of_sources(manifest: RunManifest) -> Path | None:
    """Return the folder of the subset whose refined files a run read, None if they are not of exactly one subset."""
    paths = [str(file.path) for file in manifest.sources]
    if not paths or any(map(is_url, paths)):
        return None
    refined = {Path(path).parent for path in paths}
    return refined.pop().parent if len(refined) == 1 else None


def _published_run(folder: Path) -> tuple[Layout, RunManifest] | None:
    """Return the newest run that published into a folder of a data home or an output folder, and the layout there."""
    layouts: Sequence[Layout] = (Layout.home(folder), Layout.output(folder))
    for layout in layouts:
        try:
            manifest = newest_run(layout)
        except DjError:
            continue
        if manifest is not None:
            return layout, manifest
    return None
