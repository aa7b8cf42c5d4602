"""Sentences about a run that its user should read: files that are not read, a reference set with gaps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.table_files import TABLES
from dj_assets.stores.path import SourcePath

_SHOWN = 5
_PARTITION = re.compile(r"([A-Za-z_]\w*)=.+")


def of_files_left_out(paths: Sequence[SourcePath]) -> Iterator[str]:
    """Yield a notice about the files of folders that are not read, if there are any."""
    if paths:
        listed = _listed([str(path) for path in paths])
        count = "1 file of the folders is" if len(paths) == 1 else f"{len(paths):,} files of the folders are"
        yield f"{count} not read, by the ending of the name: {listed}"


def of_empty_files(files: Sequence[SourceFile]) -> Iterator[str]:
    """Yield a notice about files of 0 bytes that cannot be whole: tables and packed files have some bytes always."""
    empty = [str(file.path) for file in files if not file.size and (file.format in TABLES or file.compression)]
    if empty:
        count = "1 file has" if len(empty) == 1 else f"{len(empty):,} files have"
        yield f"{count} 0 bytes, which no whole file of this kind has; fetch again: {_listed(empty)}"


def of_partitions(files: Sequence[SourceFile]) -> Iterator[str]:
    """Yield a notice about columns that only the names of folders hold, as Spark and DuckDB write partitions."""
    found = [match for file in files for match in map(_PARTITION.fullmatch, file.path.parent.parts) if match]
    if found:
        listed = _listed([*dict.fromkeys(match[1] for match in found)])
        yield f"the names of folders hold values, such as {found[0][0]}; no column is made of them: {listed}"


def of_links(files: Sequence[SourceFile]) -> Iterator[str]:
    """Yield a notice for every source file with two or more names, as symbolic links make them."""
    names: dict[SourcePath, list[str]] = {}
    for file in files:
        names.setdefault(file.path.resolve(), []).append(str(file.path))
    for known in names.values():
        if len(known) > 1:
            yield f"one file has {len(known)} names, and its samples count for each of them: {_listed(known)}"


def of_reference(files: Sequence[FileManifest], layout: Layout) -> Iterator[str]:
    """Yield a notice for every file of the reference set with records that cannot be read, or have no text.

    `layout` is that of the measured reference set.
    """
    for file in files:
        without = file.quarantined + file.dropped
        if without:
            rejects = pq.read_table(layout.fetched("rejects", file.number), columns=["id", "error"]).to_pylist()
            listed = _listed([f"{reject['id']}: {reject['error']}" for reject in rejects])
            name = Path(file.path).name
            yield (
                f"{without:,} of {file.records:,} records of the reference set {name} could not be read, "
                f"so their duplicates are kept: {listed}"
            )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
