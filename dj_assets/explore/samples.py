"""All samples of a finished run as columns: the outcome of each, and its statistics, read once and kept while used.

A position counts the samples of the record of the run, which are in the order of files and rows. A column of 10 million
numbers takes 80 MB; the columns that were used last stay in memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.analysis.columns import StatColumn, stat_columns
from dj_assets.operators.sql import Sql, quoted
from dj_assets.publish.outcomes import Outcome, read_outcomes
from dj_assets.recipe.plan import Plan

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

_BATCH_ROWS = 1 << 20
CACHE_BYTES = 2 << 30
# A text column with more distinct values than this is one of names of samples, not of groups.
MOST_NAMES = 10_000
OTHERS = "(others)"
NO_VALUE = "(no value)"


class Samples:
    """The samples of one run. Several threads may use it at the same time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, record: Path, plan: Plan) -> None:
        """Read the outcomes from the record of a run; `connection` is open on the database of the same run."""
        self._connection = connection
        self.plan = plan
        self.shard, self.row, self.code = _positions_and_codes(record)
        self.outcomes: tuple[Outcome, ...] = read_outcomes(record)
        self.columns: dict[str, StatColumn] = {column.name: column for column in stat_columns(plan)}
        self._cache: OrderedDict[object, Any] = OrderedDict()
        self._making: dict[object, threading.RLock] = {}
        self._reading = threading.Lock()
        self._asking = threading.Lock()

    def __len__(self) -> int:
        return len(self.code)

    @cached_property
    def kept(self) -> Mask:
        """Return the samples that the run kept."""
        return self.with_outcome(lambda outcome: outcome.kind == "kept")

    def with_outcome(self, chosen: Callable[[Outcome], bool]) -> Mask:
        """Return the samples whose outcome a test chooses."""
        marks: Mask = np.array([chosen(outcome) for outcome in self.outcomes], bool)[self.code]
        return marks

    def files(self) -> list[int]:
        """Return the numbers of the files, in their order."""
        return [int(self.shard[start]) for start in self._starts[:-1]]

    def file_codes(self) -> Codes:
        """Return the index of the file of every sample among `files()`."""
        return np.repeat(np.arange(len(self._starts) - 1, dtype=np.int32), np.diff(self._starts))

    def of_file(self, number: int) -> slice:
        """Return the positions of the samples of one file; empty where it has none."""
        at = np.searchsorted(self.shard[self._starts[:-1]], number)
        if at + 1 >= len(self._starts) or self.shard[self._starts[at]] != number:
            return slice(0, 0)
        return slice(int(self._starts[at]), int(self._starts[at + 1]))

    def position(self, shard: int, row: int) -> int | None:
        """Return the position of a sample, None where there is none."""
        part = self.of_file(shard)
        at = part.start + int(np.searchsorted(self.row[part], row))
        return at if at < part.stop and self.row[at] == row else None

    def row_ids(self, positions: Sequence[int]) -> list[int] | None:
        """Return the row numbers of samples in the table `stats`, -1 for those that it lacks; None for a view."""
        numbers = self._row_ids
        if numbers is None:
            return None
        return [*positions] if not len(numbers) else [int(numbers[at]) for at in positions]

    def numbers(self, name: str) -> Numbers:
        """Return a numeric statistic of all samples; NaN where there is none. Of a list, the number that decides.

        Raises
        ------
        KeyError
            If there is no such statistic.
        """
        column = self.columns[name]
        numbers: Numbers = self.cached(("numbers", name), lambda: self._spread(self._read(_number(column)), np.nan))
        return numbers

    def names(self, name: str) -> tuple[list[str], Codes]:
        """Return a text statistic of all samples: its values, the most frequent first, and the index of each sample's.

        Raises
        ------
        KeyError
            If there is no such statistic.
        """
        value = _text(self.columns[name])
        named: tuple[list[str], Codes] = self.cached(("names", name), lambda: self._read_names(value))
        return named

    def cached(self, key: object, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - arrays and tuples of arrays
        """Return what was made for a key before, or make it; the least recently used go where memory is full."""
        with self._reading:
            making = self._making.setdefault(key, threading.RLock())
        # what one thread makes keeps no other from what is there
        with making:
            with self._reading:
                if key in self._cache:
                    self._cache.move_to_end(key)
                    return self._cache[key]
            made = make()
            with self._reading:
                self._cache[key] = made
                self._making.pop(key, None)
                while len(self._cache) > 1 and sum(map(_bytes, self._cache.values())) > CACHE_BYTES:
                    self._cache.popitem(last=False)
            return made

    def has_room(self) -> bool:
        """Return whether a further statistic can stay in memory with those that are there."""
        with self._reading:
            return sum(map(_bytes, self._cache.values())) + 16 * len(self) < CACHE_BYTES

    def spread(self, values: npt.NDArray[Any], missing: object) -> npt.NDArray[Any]:
        """Return values of the rows of `stats`, in their order, as a column of all samples."""
        return self._spread(values, missing)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a cursor on the database, to be closed."""
        with self._asking:
            return self._connection.cursor()

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        """Return the position of the first sample of every file, and the number of samples."""
        starts = [0]
        while starts[-1] < len(self):
            # samples are in the order of files, and far more than these
            starts.append(int(np.searchsorted(self.shard, self.shard[starts[-1]], side="right")))
        return np.array(starts, np.int64)

    @cached_property
    def _slots(self) -> npt.NDArray[np.int64] | None:
        """Return the position of every row of `stats`; None where they are the same.

        The record also has samples that were lost while they were loaded, and the children of a sample may be in
        another order.
        """
        shard = np.concatenate([np.zeros(0, np.int32), *self._batches(Sql("shard"))])
        row = np.concatenate([np.zeros(0, np.int64), *self._batches(Sql("row"))])
        if len(shard) == len(self) and np.array_equal(shard, self.shard) and np.array_equal(row, self.row):
            return None
        slots = np.empty(len(shard), np.int64)
        for number in np.unique(shard):
            part, own = np.flatnonzero(shard == number), self.of_file(int(number))
            slots[part] = own.start + np.searchsorted(self.row[own], row[part])
        return slots

    @cached_property
    def _row_ids(self) -> npt.NDArray[np.int64] | None:
        """Return the row number of every sample in the table `stats`; an empty array where it is the position."""
        with self.cursor() as cursor:
            if not cursor.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'stats'").fetchall():
                return None
            row = cursor.execute("SELECT count(*), max(rowid) FROM stats").fetchone()
        if self._slots is None and row and row[1] == row[0] - 1:
            return np.zeros(0, np.int64)
        # rows of samples that were never created were removed
        numbers = np.concatenate([np.zeros(0, np.int64), *self._batches(Sql("rowid"))])
        return self._spread(numbers, -1)

    def _spread(self, values: npt.NDArray[Any], missing: object) -> npt.NDArray[Any]:
        if self._slots is None:
            return values
        column = np.full(len(self), missing, values.dtype)
        column[self._slots] = values
        return column

    def _read(self, expression: Sql) -> Numbers:
        return np.concatenate([np.zeros(0), *self._batches(expression)])

    def _read_names(self, expression: Sql) -> tuple[list[str], Codes]:
        query = Sql.of("SELECT {value} AS value FROM stats", value=expression)
        with self.cursor() as cursor:
            table = cursor.sql(query.text, params=list(query.parameters)).to_arrow_table()
        return ranked(table["value"], lambda codes: self._spread(codes, -1))

    def _batches(self, expression: Sql) -> Iterator[npt.NDArray[Any]]:
        query = Sql.of("SELECT {value} AS value FROM stats", value=expression)
        with self.cursor() as cursor:
            for batch in cursor.sql(query.text, params=list(query.parameters)).to_arrow_reader(_BATCH_ROWS):
                yield batch.column(0).to_numpy(zero_copy_only=False)


def _positions_and_codes(record: Path) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int16]]:
    """Return the columns of a record: read piece by piece, since a second copy of all rows costs more than decoding."""
    with pq.ParquetFile(record) as file:
        count = file.metadata.num_rows
        shard, row, code = np.empty(count, np.int32), np.empty(count, np.int64), np.empty(count, np.int16)
        at = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=["shard", "row", "code"]):
            piece = slice(at, at := at + len(batch))
            shard[piece], row[piece], code[piece] = (column.to_numpy() for column in batch.columns)
    return shard, row, code


def ranked(
    values: pa.ChunkedArray, spread: Callable[[Codes], npt.NDArray[Any]] = lambda codes: codes
) -> tuple[list[str], Codes]:
    """Return the distinct texts of a column, the most frequent first, and the index of the text of every sample.

    Missing values are one of the texts; of many, the rare ones are, too.
    """
    encoded = values.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    names: list[str] = encoded.dictionary.to_pylist()
    codes = spread(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32))
    counts = np.bincount(codes + 1, minlength=len(names) + 1)
    order = [int(index) for index in np.argsort(-counts[1:], kind="stable")]
    shown, rest = order[:MOST_NAMES], order[MOST_NAMES:]
    listed = [names[index] for index in shown] + ([OTHERS] if rest else []) + ([NO_VALUE] if counts[0] else [])
    table = np.full(len(names) + 1, len(listed) - 1, np.int32)
    table[[index + 1 for index in shown]] = np.arange(len(shown), dtype=np.int32)
    table[[index + 1 for index in rest]] = len(shown)
    return listed, table[codes + 1]


def _number(column: StatColumn) -> Sql:
    name = quoted(column.name)
    value = Sql(name)
    if column.is_list:
        judged = column.judged_by
        value = judged.value({column.statistic.key: column.name}) if judged else Sql(f"{name}[1]")
    return Sql(f"coalesce(({value.text})::DOUBLE, 'nan'::DOUBLE)", value.parameters)


def _text(column: StatColumn) -> Sql:
    name = quoted(column.name)
    return Sql(f"{name}[1]::VARCHAR" if column.is_list else f"{name}::VARCHAR")


def _bytes(value: Any) -> int:  # noqa: ANN401 - see `cached`
    parts = value if isinstance(value, tuple) else (value,)
    arrays = [getattr(part, "bins", part) for part in parts]
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
