"""The samples that every filter keeps, one bit per sample; only a filter whose bound moved judges again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from dj_assets.operators.base import Filter
from dj_assets.operators.sql import Sql, joined
from dj_assets.recipe.plan import Plan, Step

Bits = npt.NDArray[np.uint8]
"""One bit per sample, eight in a byte, in the order of the table `stats`; bits after the last sample are 0."""

_BATCH_ROWS = 1 << 20
# The number of thresholds of a filter whose results stay cached: a slider is moved back and forth.
_REMEMBERED = 3


class Judged:
    """The results of all filters over the statistics of one finished run.

    A result needs one pass over the columns of its filter, and one bit per sample. Several threads may use it at the
    same time. Positions count the rows of `stats`, which are in the order of the source files.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, rejects: Sequence[Path]) -> None:
        """Open a run's database; `rejects` are the files of samples that failed while they were measured."""
        self._connection = connection
        self._asking = threading.Lock()
        self._kept: dict[int, OrderedDict[Sql, Bits]] = {}
        row = connection.execute("SELECT count(*) FROM stats").fetchone()
        self.samples = int(row[0]) if row else 0
        self.failed = self._failures(rejects)

    def kept(self, step: Step) -> Bits:
        """Return the samples that a filter alone keeps."""
        assert isinstance(step.operator, Filter)  # noqa: S101 - called for filters only
        test = step.operator.condition.keep(step.columns)
        with self._asking:
            known = self._kept.setdefault(step.index, OrderedDict())
            if test not in known:
                known[test] = np.packbits(np.concatenate([np.zeros(0, bool), *(kept for (kept,) in self.scan(test))]))
            known.move_to_end(test)
            while len(known) > _REMEMBERED:
                known.popitem(last=False)
            return known[test]

    def kept_by_others(self, plan: Plan, step: Step) -> Bits:
        """Return the samples that did not fail and that every filter except one keeps."""
        bits = self.all()
        for other in plan.filters:
            if other.index != step.index:
                bits &= self.kept(other)
        for failed in self.failed.values():
            bits &= ~failed
        return bits

    def all(self) -> Bits:
        """Return every sample."""
        return np.packbits(np.ones(self.samples, bool))

    def scan(self, *expressions: Sql) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the values of expressions over the statistics, in their order, many samples at a time; null is NaN."""
        named = [Sql(f"{each.text} AS asked_{index}", each.parameters) for index, each in enumerate(expressions)]
        query = Sql.of("SELECT {named} FROM stats", named=joined(", ", named))
        with self._connection.cursor() as cursor:
            asked = cursor.sql(query.text, params=list(query.parameters))
            for batch in asked.to_arrow_reader(_BATCH_ROWS):
                yield tuple(column.to_numpy(zero_copy_only=False) for column in batch.columns)

    def at(self, position: int) -> tuple[int, int, str]:
        """Return the position (shard, row) and the id of one sample."""
        with self._connection.cursor() as cursor:
            # one row at a time: DuckDB skips whole files and row groups before it
            row = cursor.execute("SELECT shard, row, id FROM stats LIMIT 1 OFFSET ?", [position]).fetchone()
        assert row is not None  # noqa: S101 - positions count the rows
        return row

    def _failures(self, rejects: Sequence[Path]) -> dict[int, Bits]:
        """Return the samples that failed inside an operator, by the index of their first such step.

        A sample that failed has no statistic of later steps; it is quarantined there, unless an earlier filter drops
        it.
        """
        columns = self._connection.execute(
            """
            WITH failed AS (
                SELECT shard, row, min(step) AS step FROM read_parquet(?) WHERE step >= 0 GROUP BY shard, row
            )
            SELECT position, step FROM failed
            JOIN (SELECT row_number() OVER () - 1 AS position, shard, row FROM stats) USING (shard, row)
            """,
            [[str(path) for path in rejects]],
        ).fetchnumpy()
        positions, steps = columns["position"], columns["step"]
        return {int(step): self._bits(positions[steps == step]) for step in np.unique(steps)}

    def _bits(self, positions: npt.NDArray[np.int64]) -> Bits:
        marks = np.zeros(self.samples, bool)
        marks[positions] = True
        return np.packbits(marks)


def count(bits: Bits) -> int:
    """Return the number of marked samples."""
    return int(np.bitwise_count(bits).sum())


def unpacked(bits: Bits, first: int, number: int) -> npt.NDArray[np.bool_]:
    """Return the marks of `number` samples that begin at the position `first`."""
    skipped = first % 8
    return np.unpackbits(bits[first // 8 : (first + number + 7) // 8])[skipped : skipped + number].astype(bool)
