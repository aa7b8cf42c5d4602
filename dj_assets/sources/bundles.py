"""Many small files are joined, so that each costs little and refined files have a sensible size.

A source with more than 100 small files is read in bundles of neighbouring files, of at most 4 MB: files of JSON
records, files of cells with the same header, tables with the same columns. Where a bundle ends depends on the
name of its last file: a file that arrives later changes one bundle, not all that follow.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from dj_assets.errors import DjError
from dj_assets.sources.arrow_types import has_inner_dictionary
from dj_assets.sources.cells import DELIMITERS, header_of
from dj_assets.sources.sources import NO_ROOT, SourceFile
from dj_assets.sources.table_files import TABLES
from dj_assets.sources.tables import table_schema
from dj_assets.urls import is_url

DEFAULT_PART_BYTES = 4_000_000
# Fewer files are read one by one.
_MANY_FILES = 100
_SMALL_BYTES = 65_536
# A bundle has about as many files, and at most four times as many.
_FILES = 512
# The same for files that list media: a changed file has those of its bundle decoded again.
_FILES_WITH_MEDIA = 64


def bundled(
    files: Sequence[SourceFile], part_bytes: int = DEFAULT_PART_BYTES, *, with_media: bool = False
) -> tuple[SourceFile, ...]:
    """Return the files, small ones joined into bundles of about `part_bytes`, if there are many; their order stays.

    `with_media` states that the records list media: files are joined only where these have the same root.
    """
    if sum(_is_small(file) for file in files) <= _MANY_FILES:
        return tuple(files)
    return tuple(run[0] if len(run) == 1 else _joined(run) for run in _runs(files, part_bytes, with_media=with_media))


def _is_small(file: SourceFile) -> bool:
    return file.format in {"jsonl", "json", *_TABLES} and file.reading.format is None and 0 < file.size <= _SMALL_BYTES


_TABLES = {*TABLES, *DELIMITERS}


def _runs(files: Sequence[SourceFile], part_bytes: int, *, with_media: bool) -> Iterator[list[SourceFile]]:
    """Yield neighbouring files that are read in the same way."""
    many = _FILES_WITH_MEDIA if with_media else _FILES
    run: list[SourceFile] = []
    size = 0
    way_of_run: Hashable = None
    for file in files:
        way = _way(file, with_media=with_media)
        if run and (way is None or way != way_of_run):
            yield run
            run, size = [], 0
        run.append(file)
        way_of_run = way
        size += file.size
        last = zlib.crc32(file.path.name.encode("utf-8", "surrogateescape")) % many == 0
        if last or size >= part_bytes or len(run) >= 4 * many:
            yield run
            run, size = [], 0
    if run:
        yield run


def _way(file: SourceFile, *, with_media: bool) -> Hashable:
    """Return how a file is read: files that are read in the same way can be joined; None if it is read by itself."""
    columns = _columns(file) if _is_small(file) else None
    if columns is None:
        return None
    if not with_media:
        return columns, replace(file.reading, media_root=NO_ROOT)
    # without a root of their own, paths of media are relative to the folder of the file
    return columns, file.reading, file.reading.media_root.folder or str(file.path.parent)


def _columns(file: SourceFile) -> Hashable:
    """Return what must be the same in joined files; None if they cannot be joined."""
    if file.format not in _TABLES:
        return "json"
    if is_url(file.path):  # each would cost a request before anything is read
        return None
    try:
        if file.format in DELIMITERS:
            return header_of(file)
        schema = table_schema(file)
    except (DjError, OSError):
        return None
    if any(pa.types.is_dictionary(field.type) or has_inner_dictionary(field.type) for field in schema):
        return None
    columns: bytes = schema.remove_metadata().serialize().to_pybytes()
    return columns


def _joined(files: Sequence[SourceFile]) -> SourceFile:
    known = repr([(str(file.path), file.size, file.mtime_ns) for file in files])
    return replace(
        files[0],
        size=sum(file.size for file in files),
        # it differs if any of the files differs
        mtime_ns=zlib.crc32(known.encode()),
        members=tuple(files),
    )
