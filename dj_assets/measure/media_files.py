"""The media files that the samples of a source file list, and a check for changes since the file was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.media.file_stats import FileStat, file_stats, unchanged
from dj_assets.media.locations import Root
from dj_assets.media.made import path_in_folder

if TYPE_CHECKING:
    from dj_assets.home.layout import Layout
    from dj_assets.home.manifest import FileManifest

# Column of the media files among the signatures, see `operators.views.media_batch.MEDIA_FILES`.
MEDIA = "media"


def media_files(listed: pa.Array | pa.ChunkedArray) -> dict[str, FileStat]:
    """Return every media file in a column of lists of media files, each once."""
    files = pc.list_flatten(listed)
    columns = (pc.struct_field(files, name).to_pylist() for name in ("path", "size", "mtime_ns"))
    return {path: FileStat(size, changed) for path, size, changed in zip(*columns, strict=True)}


def media_unchanged(layout: Layout, manifest: FileManifest) -> bool:
    """Return whether all media of a measured file are unchanged since it was measured; missing ones are still missing.

    This takes one request to the file system per media file, and none for a recipe without operators over media.
    """
    if not manifest.media:
        return True
    import pyarrow.parquet as pq

    table = pq.read_table(layout.fetched("signatures", manifest.number), columns=[MEDIA])
    files = media_files(table[MEDIA])
    made = {name: files.pop(name) for name in [*files] if path_in_folder(name) is not None}
    root = Root("", made=layout.made_media)
    now = {name: FileStat(file_stats([file])[file].size) for name in made if (file := root.file_of(name)) is not None}
    return unchanged(files) and all(now.get(name, facts) == facts for name, facts in made.items())
