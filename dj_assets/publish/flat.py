"""The files of a `dj-assets run` output folder: one file of each kind, for any number of source files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow.parquet as pq

from dj_assets.home.writing import ParquetFileWriter
from dj_assets.publish.database import export_table

R = TypeVar("R")


class ForEach(Protocol):
    """Call a function with the arguments of every piece, on any machine; return the results when all are done."""

    def __call__(self, work: Callable[..., R], pieces: Iterable[tuple[object, ...]], /) -> list[R]:
        """Return the results in the order of the pieces."""


def one_by_one(work: Callable[..., R], pieces: Iterable[tuple[object, ...]]) -> list[R]:
    """Call `work` with the arguments of every piece, in this process; return the results."""
    return [work(*piece) for piece in pieces]


def by_threads(work: Callable[..., R], pieces: Iterable[tuple[object, ...]], threads: int) -> list[R]:
    """Call `work` with the arguments of every piece, in as many threads; return the results in the order of the pieces.

    After an error, pieces that have not begun are left out.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="piece")
    try:
        return list(pool.map(lambda piece: work(*piece), pieces))
    finally:
        pool.shutdown(cancel_futures=True)


def write_flat(target: Path, database: Path, cleaned: Sequence[Path], for_each: ForEach = one_by_one) -> None:
    """Write `stats`, `cleaned`, `dropped` and `quarantine` as one Parquet file each, through `for_each`."""
    pieces = [(table, target, database, cleaned) for table in ("stats", "cleaned", "dropped", "quarantine")]
    for_each(_write_one, pieces)


def _write_one(kind: str, target: Path, database: Path, cleaned: Sequence[Path]) -> None:
    path = target / f"{kind}.parquet"
    if kind == "cleaned":
        join_parquet(cleaned, path)
    else:
        export_table(database, kind, path)


def join_parquet(parts: Sequence[Path], target: Path) -> None:
    """Join Parquet files of one schema; a single one is linked, not copied. Holds a row group or two, 16 MiB each."""
    if len(parts) == 1:
        try:
            os.link(parts[0], target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(parts[0], target)
        return
    with ParquetFileWriter(target, pq.read_schema(parts[0])) as writer:
        for part in parts:
            with pq.ParquetFile(part) as file:
                for group in range(file.num_row_groups):
                    for batch in file.read_row_group(group).to_batches():
                        writer.write(batch)
