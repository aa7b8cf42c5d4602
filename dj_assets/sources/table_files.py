"""Files of tables, opened to be read in batches: Parquet, Arrow (IPC files and streams) and ORC in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dj_assets.sources.orc_stripes import stripes
from dj_assets.sources.sources import Format
from dj_assets.sources.table_batches import MOST_BYTES, batches_of
from dj_assets.system import limited_memory

# Formats whose files are tables, with the name of each in messages.
TABLES: dict[Format, str] = {"parquet": "Parquet", "arrow": "Arrow", "orc": "ORC", "lance": "Lance"}

_COPY_BYTES = 1 << 20
_MAX_BATCH_ROWS = 65536
_MOST_MICROSECONDS = (2**63 - 1) // 1000
_IPC_FILE = b"ARROW1"


class OpenTable(Protocol):
    """Interface of an opened table."""

    @property
    def schema(self) -> pa.Schema:
        """Return the columns of the file."""

    def rows(self, most: int) -> int:
        """Return the number of rows, counted up to `most` where counting them takes reading them."""

    def batches(self, block_bytes: int, most_bytes: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, in batches of about `block_bytes` where the format can be read in parts.

        Raises
        ------
        MemoryError
            If a batch takes more than `most_bytes` of memory.
        """

    def share(self, row: int) -> float:
        """Return the share of the file that is read once the rows before `row` are yielded, 0..1."""


@contextmanager
def opened_table(raw: IO[bytes], format: Format) -> Iterator[OpenTable]:
    """Open a table; the file can be read at any position.

    Raises
    ------
    Exception
        One of `DAMAGED`, if it is damaged, or no table of this format.
    """
    if format == "arrow":
        yield ArrowTable(raw)
    elif format == "orc":
        yield OrcTable(raw)
    else:
        with _parquet(raw) as table:
            yield ParquetTable(table)


class ParquetTable:
    """A Parquet file."""

    def __init__(self, table: pq.ParquetFile) -> None:
        self._table = table
        self.schema: pa.Schema = table.schema_arrow

    def rows(self, most: int) -> int:  # noqa: ARG002 - the footer has the number
        """Return the number of rows."""
        return int(self._table.metadata.num_rows)

    def batches(self, block_bytes: int, most_bytes: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows; a batch that takes too much memory is read again with fewer rows."""
        metadata = self._table.metadata
        size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        rows = max(1, min(_MAX_BATCH_ROWS, block_bytes * int(metadata.num_rows) // max(1, size)))
        return batches_of(self._table, rows, most_bytes=most_bytes)

    def share(self, row: int) -> float:
        """Return the share of the rows."""
        return row / max(1, int(self._table.metadata.num_rows))


class ArrowTable:
    """An IPC file or stream of Arrow, such as those of the library `datasets`, or a Feather file of version 2."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._size = raw.seek(0, 2)
        raw.seek(0)
        is_file = raw.read(len(_IPC_FILE)) == _IPC_FILE
        raw.seek(0)
        options = pa.ipc.IpcReadOptions(use_threads=False)
        opened = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(raw, options=options)
        self._file: pa.ipc.RecordBatchFileReader | None = opened if is_file else None
        self._stream: pa.ipc.RecordBatchStreamReader | None = None if is_file else opened
        self.schema: pa.Schema = opened.schema
        self._read = 0

    def rows(self, most: int) -> int:
        """Return the number of rows, counted up to `most`: neither form notes it in one place."""
        counted = 0
        for batch in self.batches(_COPY_BYTES, MOST_BYTES):
            counted += batch.num_rows
            if counted >= most:
                break
        return counted

    def batches(self, block_bytes: int, most_bytes: int) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yield the batches as they were written; their offsets are checked, since the library takes them as they are.

        Raises
        ------
        pa.ArrowInvalid
            If a batch is damaged.
        """
        numbers = range(self._file.num_record_batches) if self._file is not None else None
        while True:
            with limited_memory(most_bytes):
                batch = self._next(numbers)
            if batch is None:
                return
            for column in batch.columns:
                _require_sound(column)
            yield batch

    def _next(self, numbers: range | None) -> pa.RecordBatch | None:
        if numbers is None or self._file is None:
            assert self._stream is not None  # noqa: S101 - one of both is open
            return next(self._stream, None)
        if self._read == len(numbers):
            return None
        self._read += 1
        return self._file.get_batch(self._read - 1)

    def share(self, row: int) -> float:  # noqa: ARG002 - the number of rows is not known
        """Return the share of the bytes, or of the batches of a file."""
        if self._file is not None:
            return self._read / max(1, int(self._file.num_record_batches))
        return min(1.0, self._raw.tell() / max(1, self._size))


class OrcTable:
    """An ORC file, read stripe by stripe in another process."""

    def __init__(self, raw: IO[bytes]) -> None:
        from pyarrow import orc

        self._raw = raw
        self._table = orc.ORCFile(raw)
        self.schema: pa.Schema = self._table.schema

    def rows(self, most: int) -> int:  # noqa: ARG002 - the footer has the number
        """Return the number of rows."""
        return int(self._table.nrows)

    def batches(self, block_bytes: int, most_bytes: int) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yield one batch for each stripe: the library reads none of them in parts."""
        with stripes(self._raw, most_bytes) as stripe:
            for number in range(self._table.nstripes):
                batch = stripe(number)
                for column in batch.columns:
                    _require_sound(column)
                yield batch

    def share(self, row: int) -> float:
        """Return the share of the rows."""
        return row / max(1, int(self._table.nrows))


def _require_sound(column: pa.Array) -> None:
    """Raise for an array whose offsets lead out of its buffers; texts that are no UTF-8 are refused later, by row."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise


@contextmanager
def _parquet(raw: IO[bytes]) -> Iterator[pq.ParquetFile]:
    with pq.ParquetFile(raw, buffer_size=_COPY_BYTES) as table:
        leaves = map(table.schema.column, range(len(table.schema)))
        old = [leaf.path for leaf in leaves if leaf.physical_type == "INT96"]
        if not old:
            yield table
            return
    unit = _unit_of(raw, old)
    with pq.ParquetFile(raw, buffer_size=_COPY_BYTES, coerce_int96_timestamp_unit=unit) as table:
        yield table


def _unit_of(raw: IO[bytes], leaves: Sequence[str]) -> str:
    """Return the unit that holds the times of columns of type INT96: nanoseconds, or else microseconds.

    pyarrow reads times before 1678 and after 2261, such as 9999-12-31, as other times in nanoseconds.
    """
    with pq.ParquetFile(raw, buffer_size=_COPY_BYTES, coerce_int96_timestamp_unit="us") as table:
        for batch in batches_of(table, _MAX_BATCH_ROWS, [*leaves]):
            if not all(_fits(column) for column in batch.columns):
                return "us"
    return "ns"


def _fits(column: pa.Array) -> bool:
    """Return whether all times in a column, at any depth, can be counted in nanoseconds."""
    if pa.types.is_timestamp(column.type):
        ends = pc.min_max(column.cast(pa.int64()))
        return all(abs(end.as_py() or 0) <= _MOST_MICROSECONDS for end in ends.values())
    if pa.types.is_struct(column.type):
        return all(_fits(inner) for inner in column.flatten())
    if pa.types.is_map(column.type):
        return _fits(column.keys) and _fits(column.items)
    return not isinstance(column, pa.ListArray) or _fits(column.flatten())
