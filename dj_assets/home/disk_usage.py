"""Disk usage of a subset's folder: bytes by kind, and files without references."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from dj_assets.home.json_files import read_json
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, run_ids
from dj_assets.operators.kinds.reference_filter import ReferenceFilter
from dj_assets.recipe.plan import Plan
from dj_assets.stores.atomic import TEMPORARY, is_leftover
from dj_assets.stores.path import source_path

KEEP_RUNS = 100
_READY = "READY"


@dataclass(frozen=True)
class Surplus:
    """A file or folder that can go, and why."""

    path: PurePath
    why: str
    bytes: int

    @classmethod
    def at(cls, path: Path, why: str) -> Surplus:
        """Weigh a file or a folder."""
        return cls(path, why, size_of(path))


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; a file with several names counts once.

    Files that a run removes meanwhile are left out.
    """
    inside = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    sizes: dict[tuple[int, int], int] = {}
    for file in (path, *inside):
        with suppress(OSError):
            facts = file.lstat()
            if stat.S_ISREG(facts.st_mode):
                sizes[facts.st_dev, facts.st_ino] = facts.st_size
    return sum(sizes.values())


def disk_usage(layout: Layout) -> dict[str, int]:
    """Return the bytes of every kind of thing in the folder of a subset, the largest first."""
    work = [layout.work] if layout.work != layout.published and layout.work.exists() else []
    entries = [entry for folder in (layout.published, *work) for entry in folder.iterdir() if entry not in work]
    sizes: dict[str, int] = {}
    for entry in entries:
        sizes[entry.name] = sizes.get(entry.name, 0) + size_of(entry)
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def surplus(layout: Layout, plan: Plan | None, keep_runs: int = KEEP_RUNS) -> list[Surplus]:
    """Return what can go from the folder of a subset without a loss; needs its lock.

    `plan` is that of its recipe as it is now, None where that is not known: then nothing is said about what only
    another recipe made. Of the records of runs the newest `keep_runs` stay.
    """
    spare = [*_measured(layout), *_leftovers(layout), *_pending(layout), *_runs(layout, keep_runs)]
    if plan is not None:
        spare += _of_other_recipes(layout, plan)
    return spare


def _measured(layout: Layout) -> Iterator[Surplus]:
    """Yield measured files of sources that are gone, and those that no manifest commits."""
    newest = newest_run(layout)
    in_use = {file.number for file in newest.files} if newest else set()
    committed: set[int] = set()
    for path in sorted(layout.manifest(0).parent.glob("*.json")):
        number, source = int(path.stem), source_path((read_json(path) or {}).get("path", ""))
        if number in in_use or source.exists():
            committed.add(number)
        else:
            yield Surplus.at(path, f"{source.name} is gone from the source")
    for kind in layout.kinds:
        for path in sorted((layout.work / kind).glob("[0-9]*.parquet")):
            if int(path.stem) not in committed:
                yield Surplus.at(path, "measured of a file that is gone, or not to its end")


def _leftovers(layout: Layout) -> Iterator[Surplus]:
    """Yield what killed processes left; a staging folder that is ready belongs to the next run, which completes it."""
    # a shard may have begun after the locks were taken
    for path in filter(is_leftover, sorted(layout.work.rglob(TEMPORARY))):
        yield Surplus.at(path, "temporary, left by a killed process")
    staging = layout.published / ".staging"
    if staging.exists() and not (staging / _READY).exists():
        yield Surplus.at(staging, "a version that was not finished")


def _pending(layout: Layout) -> Iterator[Surplus]:
    """Yield refined files that wait for others of a version that will not be published any more."""
    decision = read_json(layout.decision) or {"parts": ()}
    wanted = {part["key"] for part in decision["parts"]}
    for path in sorted(layout.pending.glob("[!.]*")):
        if path.name.partition(".")[0] not in wanted:
            yield Surplus.at(path, "refined for a version that was replaced")


def _runs(layout: Layout, keep: int) -> Iterator[Surplus]:
    runs = run_ids(layout)
    old = set(runs[: max(0, len(runs) - max(1, keep))])
    for path in sorted(layout.runs.glob("*")):
        if path.suffix in {".json", ".parquet"} and path.stem in old:
            yield Surplus.at(path, f"the record of a run older than the newest {keep}")
        elif path.suffix == ".parquet" and path.stem not in runs:
            yield Surplus.at(path, "the record of a run that was not finished")


def _of_other_recipes(layout: Layout, plan: Plan) -> Iterator[Surplus]:
    """Yield what steps left that the recipe no longer has."""
    yield from _unlisted(layout.work / "near_pairs", {f"{step.signature}.parquet" for step in plan.deduplicators})
    yield from _unlisted(layout.work / "counted", {step.label for step in plan.corpus_mappers})
    indexed = {f"{step.label}.parquet" for step in plan.filters if isinstance(step.operator, ReferenceFilter)}
    yield from _unlisted(layout.work / "indexes", indexed)
    against = layout.against.work
    if against.exists() and not plan.recipe.against and not _used_against(layout):
        yield Surplus.at(against, "the reference set of a recipe that had one")


def _unlisted(folder: Path, wanted: Collection[str]) -> Iterator[Surplus]:
    for path in sorted(folder.glob("[!.]*")):
        if path.name not in wanted:
            yield Surplus.at(path, "of an operator that the recipe no longer has")


def _used_against(layout: Layout) -> bool:
    newest = newest_run(layout)
    return newest is not None and newest.against is not None
