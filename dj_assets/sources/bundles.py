"""Many small files are joined, so that each costs little and refined files have a sensible size.

A source with more than 100 small files of JSON records is read in bundles of neighbouring files, of at most 4 MB. Where
a bundle ends depends on the name of its last file: a file that arrives later changes one bundle, not all that follow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dj_assets.sources.sources import NO_ROOT, SourceFile

DEFAULT_PART_BYTES = 4_000_000
# Fewer files are read one by one.
_MANY_FILES = 100
_SMALL_BYTES = 65_536
# A bundle has about as many files, and at most four times as many.
_FILES = 512


def bundled(files: Sequence[SourceFile], part_bytes: int = DEFAULT_PART_BYTES) -> tuple[SourceFile, ...]:
    """Return the files, small ones joined into bundles of about `part_bytes`, if there are many; their order stays."""
    if sum(_is_small(file) for file in files) <= _MANY_FILES:
        return tuple(files)
    return tuple(run[0] if len(run) == 1 else _joined(run) for run in _runs(files, part_bytes))


def _is_small(file: SourceFile) -> bool:
    return file.format in {"jsonl", "json"} and file.reading.format is None and 0 < file.size <= _SMALL_BYTES


def _runs(files: Sequence[SourceFile], part_bytes: int) -> Iterator[list[SourceFile]]:
    """Yield neighbouring files that are read in the same way."""
    run: list[SourceFile] = []
    size = 0
    for file in files:
        if run and not (_is_small(file) and _is_small(run[0]) and _reading(file) == _reading(run[0])):
            yield run
            run, size = [], 0
        run.append(file)
        size += file.size
        last = zlib.crc32(file.path.name.encode("utf-8", "surrogateescape")) % _FILES == 0
        if last or size >= part_bytes or len(run) >= 4 * _FILES:
            yield run
            run, size = [], 0
    if run:
        yield run


def _reading(file: SourceFile) -> object:
    # JSON records without media do not depend on their folder
    return replace(file.reading, media_root=NO_ROOT)


def _joined(files: Sequence[SourceFile]) -> SourceFile:
    known = repr([(str(file.path), file.size, file.mtime_ns) for file in files])
    return replace(
        files[0],
        size=sum(file.size for file in files),
        # it differs if any of the files differs
        mtime_ns=zlib.crc32(known.encode()),
        members=tuple(files),
    )
