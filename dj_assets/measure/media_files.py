"""The files of media that the samples of a source file list, and whether they changed since it was measured."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.media.file_stats import FileStat, unchanged

# Their column among the signatures, see `operators.views.media_batch.MEDIA_FILES`.
MEDIA = "media"


def media_files(listed: pa.Array | pa.ChunkedArray) -> dict[str, FileStat]:
    """Return every file of a column of them, each once."""
    files = pc.list_flatten(listed)
    columns = (pc.struct_field(files, name).to_pylist() for name in ("path", "size", "mtime_ns"))
    return {path: FileStat(size, changed) for path, size, changed in zip(*columns, strict=True)}


def media_unchanged(layout: Layout, manifest: FileManifest) -> bool:
    """Return whether all media of a measured file are the files that were looked at, missing ones still missing.

    That is a question to the file system for each; a recipe without operators over media asks none.
    """
    if not manifest.media:
        return True
    table = pq.read_table(layout.fetched("signatures", manifest.number), columns=[MEDIA])
    return unchanged(media_files(table[MEDIA]))
