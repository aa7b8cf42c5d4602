"""The samples of a published run, read from its refined files a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.home.publication import Publication
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.database import SamplePosition
from dj_assets.publish.export.exported_media import MediaSource
from dj_assets.publish.export.samples import Samples, observed_types, read_samples
from dj_assets.sources.fields import FieldTypes


@dataclass(frozen=True)
class RefinedSamples:
    """Give the samples of the run of a manifest, about `batch_bytes` at once.

    `types` are those of refined JSON lines, where the samples are to be a table; see `table_types`.
    """

    layout: Layout
    manifest: RunManifest
    batch_bytes: int
    types: FieldTypes | None

    def after(self, at: SamplePosition = (0, 0), first: int = 0) -> Iterator[tuple[Samples, SamplePosition]]:
        """Yield the samples from a position on, each batch with the position behind it; `first` numbers the first."""
        refined = self.manifest.refined
        for number, part in enumerate(refined[at[0] :], at[0]):
            media = MediaSource.of_file(self.manifest, part.number, self.layout.made_media)
            skipped = at[1] if number == at[0] else 0
            for make, following in read_samples(self.layout.refined / part.name, skipped, self.batch_bytes, self.types):
                samples = make(first=first, text_key=self.manifest.text_keys, media=media)
                yield samples, (number, following) if following < part.samples else (number + 1, 0)
                first += len(samples)


def published_run(layout: Layout) -> RunManifest:
    """Return the manifest of the published run.

    Raises
    ------
    UserError
        If nothing is published.
    """
    manifest = newest_run(layout)
    if manifest is None:
        raise UserError(f"{layout.published}: holds no finished run; run it first")
    return manifest


def require_newest(layout: Layout, manifest: RunManifest, since: Publication) -> None:
    """Raise if another run was published while this one was read; `since` was taken before its manifest was read.

    Raises
    ------
    UserError
        Asking for another export.
    """
    now = newest_run(layout)
    # the manifest of a newer run is written after its files
    if now is None or now.run_id != manifest.run_id or Publication.of(layout) != since:
        raise UserError(f"{layout.published}: a newer run was published during the export; export it again")


def table_types(layout: Layout) -> FieldTypes | None:
    """Return the column types for a table of refined JSON lines; None for refined Parquet files, which have theirs."""
    lines = sorted(layout.refined.glob("*.jsonl"))
    return observed_types(lines) if lines else None
