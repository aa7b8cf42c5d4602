"""Pools as queries over a subset's statistics, without copies: thirds, intersections, samples, repetitions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import numpy as np

from dj_assets.operators.sql import Sql, joined, quoted

Part = Literal["low", "mid", "high"]
PARTS: tuple[Part, ...] = ("low", "mid", "high")

# A shard has fewer rows than this, so that shard and row make one number with the same order.
_ROWS_A_SHARD = 1 << 40
POSITION = Sql(f"(shard::BIGINT * {_ROWS_A_SHARD} + row)")


@dataclass(frozen=True)
class Edge:
    """The beginning of a third: a value and, among samples with this value, a position (shard and row as a number)."""

    value: float
    place: int


@dataclass(frozen=True)
class Third:
    """A third of a subset by one statistic: the samples from `start` up to, not including, `end` in rank order.

    `low` and `high` are the smallest and largest value in it. `count` is its size by rank; `value_count` counts the
    samples with a value from `low` to `high`, which are more where equal values are on both sides of a cut. A list
    counts as its mean, an empty one as 0; a sample without the statistic, or with NaN, is in no third.
    """

    statistic: str
    part: Part
    is_list: bool
    start: Edge
    end: Edge
    low: float
    high: float
    count: int
    value_count: int

    @property
    def name(self) -> str:
        """Return `<statistic>_<part>`."""
        return f"{self.statistic}_{self.part}"

    def by_rank(self) -> Sql:
        """Return the test that a sample is in the third."""
        start, end = self.start, self.end
        return Sql.of(
            "coalesce(({value} > {low} OR ({value} = {low} AND {position} >= {first}))"
            " AND ({value} < {high} OR ({value} = {high} AND {position} < {beyond})), FALSE)",
            value=value_of(self.statistic, is_list=self.is_list),
            position=POSITION,
            low=start.value,
            first=start.place,
            high=end.value,
            beyond=end.place,
        )

    def by_value(self) -> Sql:
        """Return the test that a sample passes a filter with the bounds of the third."""
        value = value_of(self.statistic, is_list=self.is_list)
        return Sql.of("coalesce({value} BETWEEN {low} AND {high}, FALSE)", value=value, low=self.low, high=self.high)


@dataclass(frozen=True)
class Pool:
    """Samples of a subset: those in all or in at least some of its thirds, of which some are drawn and repeated.

    Attributes
    ----------
    name
        Unique in a sandbox.
    thirds
        None for the whole subset.
    at_least
        The number of thirds that a sample must be in; all by default. Samples that are in more are drawn first.
    size
        The number of samples that are drawn, in the order of a hash of seed and position; all by default.
    seed
        The seed of the drawing: another one draws other samples.
    repeat
        The number of times that a command gets every sample.
    kept
        Whether samples that the recipe dropped are left out.
    """

    name: str
    thirds: tuple[Third, ...] = ()
    at_least: int | None = None
    size: int | None = None
    seed: int = 0
    repeat: int = 1
    kept: bool = False

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Pool:
        """Return the pool of a dict that `dataclasses.asdict` made."""
        thirds = (
            Third(**{**third, "start": Edge(**third["start"]), "end": Edge(**third["end"])})
            for third in content["thirds"]
        )
        return cls(**{**content, "thirds": tuple(thirds)})

    def drawn(self, size: int) -> Pool:
        """Return the pool with `size` samples, drawn by hash."""
        return dataclasses.replace(self, size=size)

    def members(self) -> Sql:
        """Return a query for `shard` and `row` of every sample of the pool, each once, in no order."""
        met = _met([third.by_rank() for third in self.thirds])
        least = len(self.thirds) if self.at_least is None else self.at_least
        rows = Sql.of("SELECT shard, row, {met} AS met FROM stats {among}", met=met, among=population(kept=self.kept))
        query = Sql.of("SELECT shard, row FROM ({rows}) WHERE met >= {least}", rows=rows, least=least)
        if self.size is None:
            return query
        return Sql.of(
            "{query} ORDER BY met DESC, md5_number_lower({seed} || ':' || shard || ':' || row), {position}"
            " LIMIT {size}",
            query=query,
            seed=str(self.seed),
            position=POSITION,
            size=self.size,
        )

    def positions(self, connection: duckdb.DuckDBPyConnection) -> tuple[np.ndarray, np.ndarray]:
        """Return shard and row of every sample, in that order; two integer arrays of equal length."""
        query = Sql.of("SELECT shard, row FROM ({members}) ORDER BY shard, row", members=self.members())
        columns = query.execute(connection).fetchnumpy()
        return np.asarray(columns["shard"]), np.asarray(columns["row"])


def _met(tests: Sequence[Sql]) -> Sql:
    """Return SQL for the number of tests that a sample passes."""
    return joined(" + ", [Sql.of("({test})::INTEGER", test=test) for test in tests]) if tests else Sql("0")


def value_of(statistic: str, *, is_list: bool) -> Sql:
    """Return SQL for the number that a sample is ranked by: a list's mean, 0 where it is empty; null for NaN."""
    column = quoted(statistic)
    number = f"CASE WHEN len({column}) = 0 THEN 0 ELSE list_avg({column}) END" if is_list else column
    return Sql(f"nullif(({number})::DOUBLE, 'nan'::DOUBLE)")


def population(*, kept: bool) -> Sql:
    """Return SQL that excludes, where `kept`, the samples that the recipe dropped or quarantined."""
    left = "(SELECT shard, row FROM dropped UNION ALL SELECT shard, row FROM quarantine)"
    return Sql(f"ANTI JOIN {left} USING (shard, row)" if kept else "")


def count(connection: duckdb.DuckDBPyConnection, pool: Pool) -> int:
    """Return the number of samples in a pool, without repetitions."""
    return _count(connection, pool.members())


def value_count(connection: duckdb.DuckDBPyConnection, pool: Pool) -> int:
    """Return the number of samples that a recipe with the bounds of the pool's thirds keeps, before drawing."""
    met = _met([third.by_value() for third in pool.thirds])
    least = len(pool.thirds) if pool.at_least is None else pool.at_least
    query = "SELECT 1 FROM stats {among} WHERE {met} >= {least}"
    return _count(connection, Sql.of(query, among=population(kept=pool.kept), met=met, least=least))


def pyramid_sizes(
    connection: duckdb.DuckDBPyConnection, thirds: Sequence[Third], *, kept: bool = False
) -> dict[tuple[int, ...], int]:
    """Return the sizes of all intersections of thirds with one query.

    Keys are the indices of the thirds of a pool, ascending; n thirds have 2^n - 1 keys.
    """
    tests = [third.by_rank() for third in thirds]
    flags = [Sql(f"({test.text})::INTEGER * {1 << n}", test.parameters) for n, test in enumerate(tests)]
    met = joined(" + ", flags) if flags else Sql("0")
    query = "SELECT {met} AS met, count(*) FROM stats {among} GROUP BY met"
    rows = Sql.of(query, met=met, among=population(kept=kept)).execute(connection).fetchall()
    subsets = range(1, 1 << len(thirds))
    return {
        tuple(n for n in range(len(thirds)) if wanted >> n & 1): sum(c for met, c in rows if met & wanted == wanted)
        for wanted in subsets
    }


def _count(connection: duckdb.DuckDBPyConnection, rows: Sql) -> int:
    row = Sql.of("SELECT count(*) FROM ({rows})", rows=rows).execute(connection).fetchone()
    return int(row[0]) if row else 0
