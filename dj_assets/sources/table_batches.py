"""Rows of Parquet in batches of bounded memory: a few bytes of a file may hold gigabytes of equal values."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dj_assets.sources.arrow_types import has_inner_dictionary, is_textual
from dj_assets.system import limited_memory

# Memory that reading one batch may take; the allocator of pyarrow reserves a gigabyte at a time.
MOST_BYTES = 2 << 30
# A batch that takes more is read again with a fraction of its rows.
_FRACTION = 16


def batches_of(
    table: pq.ParquetFile, rows: int, columns: list[str] | None = None, most_bytes: int = MOST_BYTES
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file in batches of at most `rows`.

    A batch that takes more memory than `most_bytes` is read again with fewer rows. pyarrow reads dictionaries inside
    lists and structs from one row group at a time.

    Raises
    ------
    MemoryError
        If a single row takes more memory.
    """
    nested = any(has_inner_dictionary(field.type) for field in table.schema_arrow)
    for groups in ([number] for number in range(table.num_row_groups)) if nested else [None]:
        done = 0
        while True:
            batches = table.iter_batches(rows, row_groups=groups, columns=columns, use_threads=False)
            try:
                for batch in _after(done, batches, most_bytes):
                    yield batch
                    done += batch.num_rows
                break
            except MemoryError:
                if rows == 1:
                    raise
                rows = max(1, rows // _FRACTION)


def _after(skipped: int, batches: Iterator[pa.RecordBatch], most_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield what comes after the first rows; reading each batch may take a limited memory."""
    while True:
        with limited_memory(most_bytes):
            batch = next(batches, None)
        if batch is None:
            return
        if skipped < batch.num_rows:
            yield compact(batch.slice(skipped)) if skipped else batch
        skipped = max(0, skipped - batch.num_rows)


def split(batch: pa.RecordBatch, most_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield the batch in parts of at most `most_bytes`, or a single row, each with buffers of its own."""
    if decoded_bytes(batch) <= most_bytes or batch.num_rows <= 1:
        yield batch
        return
    half = batch.num_rows // 2
    for part in (batch.slice(0, half), batch.slice(half)):
        yield from split(compact(part), most_bytes)


def decoded_bytes(batch: pa.RecordBatch) -> int:
    """Return the size of a batch with the values of dictionaries in every row: a few bytes may name a megabyte each."""
    size = int(batch.nbytes)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and is_textual(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            size += pc.sum(lengths.cast(pa.int64())).as_py() or 0
    return size


def row_bytes(row: pa.RecordBatch) -> int:
    """Return the size of the values of a single row, without those in dictionaries inside lists and structs."""
    columns = (column for column in row.columns if not has_inner_dictionary(column.type))
    return sum(
        (column.dictionary_decode() if pa.types.is_dictionary(column.type) else column).nbytes for column in columns
    )


def compact(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a copy of a slice: a slice would be sent to a worker with its complete buffers."""
    return batch.take(pa.array(range(batch.num_rows), pa.int64()))
