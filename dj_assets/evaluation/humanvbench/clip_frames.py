"""The frames of annotated clips that models see, decoded in the guarded process."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Self

import pyarrow.parquet as pq

from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.media.access import MediaAccess
from dj_assets.media.marked_frames import MarkedFrames, Moments
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.views.media_batch import media
from dj_assets.publish.database import SamplePosition, open_database
from dj_assets.recipe.plan import Plan
from dj_assets.stores.media_reader import StoreReader
from dj_assets.subset.finished import finished_run, plan_of_run


class FramesOfRun:
    """The clips of one run, frame by frame, given its plan, the layout of its files and its manifest."""

    def __init__(self, plan: Plan, layout: Layout, manifest: RunManifest) -> None:
        self._keys, self._layout, self._manifest = plan.recipe.media, layout, manifest
        self._database = open_database(layout.database, 1)
        self._reader = StoreReader()

    @classmethod
    def of(cls, name: str) -> Self:
        """Open the newest run of a subset or an output folder.

        Raises
        ------
        UserError
            If there is no such subset or folder, or it has no finished run.
        """
        layout, manifest = finished_run(name)
        return cls(plan_of_run(manifest), layout, manifest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._reader.close()
        self._database.close()

    def position(self, sample: str) -> SamplePosition | None:
        """Return the position of a sample, given its id; None if the run has no such sample."""
        found = self._database.execute("SELECT shard, row FROM stats WHERE id = ?", [sample]).fetchone()
        return None if found is None else (int(found[0]), int(found[1]))

    def frames(self, sample: str, clip: int, feature: MarkedFrames) -> Moments:
        """Return frames of a clip, given the id of its sample and its number, from 1.

        Raises
        ------
        UserError
            If the run has no such clip, or it cannot be decoded.
        """
        found = self.position(sample)
        batch = self._sample(*found) if found else None
        if batch is None:
            raise UserError(f"{self._manifest.name}: has no fields of a sample {sample}; run it again")
        failed = media(batch).failures("videos", (feature,))
        if failed:
            raise UserError(f"{sample}, clip {clip}: cannot be decoded: {next(iter(failed.values()))}")
        moments: Moments = media(batch).values("videos", feature)[0][clip - 1]
        return moments

    def _sample(self, shard: int, row: int) -> Batch | None:
        path = self._layout.fetched(FIELDS, shard)
        if not path.exists():
            return None
        table = pq.read_table(path, columns=["row", FIELDS], filters=[("row", "=", row)])
        if not len(table):
            return None
        root = self._manifest.media_root(shard, self._layout.made_media)
        batch = Batch(table.combine_chunks().to_batches()[0])
        return replace(batch, media_access=MediaAccess(self._keys, root, self._reader))
