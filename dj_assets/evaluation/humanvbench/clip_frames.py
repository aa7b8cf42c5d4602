"""The frames of annotated clips that models see, decoded in the guarded process."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Self

import pyarrow.parquet as pq

from dj_assets.errors import UserError
from dj_assets.media.access import MediaAccess
from dj_assets.media.marked_frames import MarkedFrames, Moments
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.views.media_batch import media
from dj_assets.publish.database import open_database
from dj_assets.stores.media_reader import StoreReader
from dj_assets.subset.finished import finished_run, plan_of_run


class ClipFrames:
    """The clips of the newest run of a subset or an output folder, frame by frame."""

    def __init__(self, name: str) -> None:
        """Open the run.

        Raises
        ------
        UserError
            If there is no such subset or folder, or it has no finished run.
        """
        self._layout, self._manifest = finished_run(name)
        self._keys = plan_of_run(self._manifest).recipe.media
        self._database = open_database(self._layout.database, 1)
        self._reader = StoreReader()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._reader.close()
        self._database.close()

    def frames(self, sample: str, clip: int, feature: MarkedFrames) -> Moments:
        """Return frames of a clip, given the id of its sample and its number, from 1.

        Raises
        ------
        UserError
            If the run has no such clip, or it cannot be decoded.
        """
        found = self._database.execute("SELECT shard, row FROM stats WHERE id = ?", [sample]).fetchone()
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
