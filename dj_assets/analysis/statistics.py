"""A summary of every statistic of a subset, from one SQL query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dj_assets.analysis.columns import StatColumn, stat_columns
from dj_assets.operators.sql import Sql, in_order
from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan

# Quantiles hold their values in memory: with more samples than this only every k-th counts, chosen by hash.
_QUANTILE_SAMPLES = 2_000_000


@dataclass(frozen=True)
class Summary:
    """The summary of one column.

    `values` counts all measured values, `finite` those that are numbers, `samples` the samples that they come from,
    and `fails` the samples that the condition alone would drop. The other figures are over finite values, None where
    there are none.
    """

    samples: int
    values: int
    finite: int
    fails: int
    low: float | None
    one_percent: float | None
    median: float | None
    ninety_nine_percent: float | None
    high: float | None
    mean: float | None


def statistics_summary(database: Path, plan: Plan) -> list[dict[str, str | int | float | None]]:
    """Return one row for each statistic column, in recipe order.

    Keys: statistic, unit, samples, min, 1 %, median, 99 %, max, mean, and `fails`, the share of the samples (0 to 1)
    that the condition on this column alone would drop; None where there is nothing to measure or no number. With four
    million samples or more, the percentiles are estimated from a fixed selection of two to three million.
    """
    columns = stat_columns(plan)
    with reading(database) as connection:
        summaries = summarize(connection, columns)
    return [
        {
            "statistic": column.name,
            "unit": column.statistic.unit,
            "samples": summary.samples,
            "min": summary.low,
            "1 %": summary.one_percent,
            "median": summary.median,
            "99 %": summary.ninety_nine_percent,
            "max": summary.high,
            "mean": summary.mean,
            "fails": summary.fails / summary.samples if summary.samples else None,
        }
        for column, summary in zip(columns, summaries, strict=True)
    ]


def summarize(connection: duckdb.DuckDBPyConnection, columns: Sequence[StatColumn]) -> list[Summary]:
    """Return a summary of every column."""
    if not columns:
        return []
    every = _every(connection)
    parts = []
    for index, column in enumerate(columns):
        query = """
            SELECT {index} AS place, count(*) FILTER (first), count(*), count(number),
                   count(*) FILTER (fails AND first),
                   min(number), quantile_cont(number, [0.01, 0.5, 0.99]) FILTER (hash(shard, row) % {every} = 0),
                   max(number), avg(number)
            FROM (SELECT *, CASE WHEN isfinite({numbers}) THEN {numbers} END AS number FROM ({values}))
        """
        numbers = Sql("value" if column.is_numeric else "NULL::DOUBLE")
        pieces = {"index": Sql(str(index)), "every": Sql(str(every)), "numbers": numbers, "values": column.values()}
        parts.append(Sql.of(query, **pieces))
    rows = in_order(parts).execute(connection).fetchall()
    return [_summary(row[1:]) for row in rows]


def _summary(row: tuple[Any, ...]) -> Summary:
    samples, values, finite, fails, low, quantiles, high, mean = row
    # a selection without a number gives no quantiles; the ends are known
    first, half, ninety_nine = quantiles or (low, mean, high)
    return Summary(samples, values, finite, fails, low, first, half, ninety_nine, high, mean)


def _every(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("SELECT count(*) FROM stats").fetchone()
    return max(1, int(row[0]) // _QUANTILE_SAMPLES) if row else 1
