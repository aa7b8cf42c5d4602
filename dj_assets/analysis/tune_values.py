"""Statistics for the tuning rules, computed by DuckDB: moments, quantiles, and the shares that bounds drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from dj_assets.analysis.columns import StatColumn
from dj_assets.analysis.tune_rule import Side
from dj_assets.operators.conditions import Range
from dj_assets.operators.sql import Sql, in_order

# Quantiles hold their values in memory: with more samples than this only every k-th counts, chosen by hash.
QUANTILE_SAMPLES = 2_000_000
# The square of a greater value overflows: such values do not count, like infinities and NaN.
_LARGEST = 1e150


@dataclass(frozen=True)
class Values:
    """The figures of one statistic: `values` counts the measured ones, `finite` the numbers; the rest is over these.

    `deviation` is the standard deviation of the sample (n - 1); None with fewer than two values. `quantiles` are in
    the requested order.
    """

    values: int
    finite: int
    low: float | None
    high: float | None
    mean: float | None
    deviation: float | None
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class BoundShares:
    """The percentile of one bound: the share of the values below a lower bound, or up to an upper one.

    `percentile` is that share from 0 to 100, over finite values; `drops` is the share of the samples (0 to 1) that the
    bound alone drops, values that are no numbers included.
    """

    percentile: float
    drops: float


def measured_values(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[StatColumn], quantiles: Sequence[Sequence[float]]
) -> list[Values]:
    """Return the figures of every column, with the requested quantiles (0 to 1) of each."""
    if not columns:
        return []
    every = max(1, _samples(connection) // QUANTILE_SAMPLES)
    parts = []
    for index, (column, wanted) in enumerate(zip(columns, quantiles, strict=True)):
        listed = ", ".join(f"{float(share)!r}" for share in wanted)
        asked = f"quantile_disc(number, [{listed}]) FILTER (hash(shard, row) % {every} = 0)" if wanted else "[]"
        query = """
            SELECT {index} AS place, count(*), count(number), min(number), max(number), avg(number),
                   stddev_samp(number), {asked}
            FROM (SELECT *, CASE WHEN abs(value) <= {largest} THEN value END AS number FROM ({rows}))
        """
        largest = Sql(str(_LARGEST))
        parts.append(Sql.of(query, index=Sql(str(index)), asked=Sql(asked), largest=largest, rows=column.values()))
    results = in_order(parts).execute(connection).fetchall()
    return [
        Values(values, finite, low, high, mean, deviation, tuple(shares or ()))
        for _, values, finite, low, high, mean, deviation, shares in results
    ]


def bound_shares(
    connection: duckdb.DuckDBPyConnection, bounds: Sequence[tuple[StatColumn, Range, Side]]
) -> list[BoundShares]:
    """Return the percentile and the loss of each bound alone; of every range only the bound on its side counts."""
    if not bounds:
        return []
    parts = []
    for index, (column, both, side) in enumerate(bounds):
        bound = replace(both, high=None) if side == "low" else replace(both, low=None)
        value = bound.low if side == "low" else bound.high
        rows = replace(column, judged_by=bound).values()
        query = """
            SELECT {index} AS place, count(*) FILTER (first), count(*) FILTER (fails AND first),
                   count(*) FILTER (isfinite(value)), count(*) FILTER (isfinite(value) AND value {below} {value})
            FROM ({rows})
        """
        below, beyond = (Sql("<"), float("-inf")) if side == "low" else (Sql("<="), float("inf"))
        limit = beyond if value is None else float(value)
        parts.append(Sql.of(query, index=Sql(str(index)), below=below, value=limit, rows=rows))
    results = in_order(parts).execute(connection).fetchall()
    return [
        BoundShares(percentile=100 * below / finite if finite else 0.0, drops=fails / samples if samples else 0.0)
        for _, samples, fails, finite, below in results
    ]


def _samples(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("SELECT count(*) FROM stats").fetchone()
    return int(row[0]) if row else 0
