"""The clips of a finished subset, by the id of their sample."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from dj_assets.errors import UserError
from dj_assets.explore.media_files import SampleMedia
from dj_assets.loopback import Reply
from dj_assets.publish.database import open_database
from dj_assets.subset.finished import finished_run, plan_of_run


class SubsetClips:
    """The clips of the newest run of a subset or an output folder. Several threads may ask at the same time."""

    def __init__(self, name: str) -> None:
        """Open the run.

        Raises
        ------
        UserError
            If there is no such subset or folder, or it has no finished run.
        """
        layout, self.manifest = finished_run(name)
        self._media = SampleMedia(plan_of_run(self.manifest), layout, self.manifest)
        self._database = open_database(layout.database, 1)
        parts = [layout.refined / part.name for part in self.manifest.refined]
        self.refined: list[Path] = [part for part in parts if part.suffix == ".parquet"]

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def opened(self, sample: str, clip: int) -> IO[bytes]:
        """Return an open file of a clip, with the errors of `reply`."""
        body = self.reply(sample, clip).body
        file: IO[bytes] = io.BytesIO(body) if isinstance(body, bytes) else body
        # its first bytes were read, to find what it is
        file.seek(0)
        return file

    def reply(self, sample: str, clip: int) -> Reply:
        """Return the file of a clip, by its number from 1.

        Raises
        ------
        UserError
            If the run has no such sample.
        MediaError
            If the sample lists no such clip, or a browser cannot show it.
        """
        with self._database.cursor() as cursor:
            found = cursor.execute("SELECT shard, row FROM stats WHERE id = ?", [sample]).fetchone()
        if found is None:
            raise UserError(f"{self.manifest.name}: has no sample {sample}; make the drafts again")
        shard, row = found
        return self._media.reply(shard, row, "videos", clip - 1)
