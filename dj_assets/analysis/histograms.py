"""Histograms of statistics, counted by DuckDB: no row leaves the database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from dj_assets.analysis.columns import StatColumn
from dj_assets.analysis.statistics import Summary
from dj_assets.operators.conditions import Range
from dj_assets.operators.sql import Sql, joined
from dj_assets.publish.database import ended_samples

BINS = 40
# An axis is logarithmic where the ratio of the last to the first value shown is greater than this ...
_WIDE, _WIDEST = 30.0, 1e30
# ... or where the upper half of the values is this many times as wide as the lower, over at least this ratio.
_SKEW, _SKEWED_SPAN = 5.0, 8.0
_MARGIN = 0.03
# An axis may become this many times as wide as what it shows.
_WIDER = 4

OUTCOMES = ("kept", "elsewhere", "fails")


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, cut into `bins` of equal width (of equal ratio, where `log`)."""

    low: float
    high: float
    bins: int
    log: bool = False

    def position(self, value: float) -> float:
        """Return the position of a value between the ends, 0 to 1; a value beyond an end is at the end."""
        if self.log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))


@dataclass
class Histogram:
    """Samples by bin and outcome: `kept`, dropped `elsewhere`, or `fails` this condition; each has length `bins`."""

    scale: Scale
    counts: dict[str, list[int]] = field(default_factory=dict)

    @property
    def tallest(self) -> int:
        """Return the count of the fullest bin."""
        return max(map(sum, zip(*self.counts.values(), strict=True)))


@dataclass(frozen=True)
class Frequencies:
    """The most frequent values of a text column with their counts by outcome, and the number of other values."""

    rows: tuple[tuple[str, dict[str, int]], ...]
    others: int


def choose_scale(summary: Summary, bounds: Range | None, *, whole: bool) -> Scale | None:
    """Return the axis for a column: 1st to 99th percentile, widened to contain the thresholds.

    It is logarithmic where the values are positive and skewed and are not shares. Bins begin at thresholds, so that no
    bin holds samples from both sides of one. None where there is no finite value, or where the range of the values
    is too large for a float.
    """
    low, middle, high = summary.one_percent, summary.median, summary.ninety_nine_percent
    if low is None or middle is None or high is None:
        return None
    limits = [limit for limit in (bounds.low, bounds.high) if limit is not None] if bounds else []
    if not math.isfinite(_WIDER * (max([high, *limits]) - min([low, *limits]))):
        return None
    if _skewed(summary, max(high, *limits, 0.0), min([low, *(limit for limit in limits if limit > 0)])):
        positive = [math.log(limit) for limit in limits if limit > 0]
        span = [math.log(low if low > 0 else middle / 100), math.log(high), *positive]
        first, last, bins = _aligned(*_margins(min(span), max(span)), limits=positive)
        return Scale(math.exp(first), math.exp(last), bins, log=True)
    return _linear(summary, [low, high, *limits], limits, whole=whole)


def _skewed(summary: Summary, most: float, least: float) -> bool:
    """Return whether values from `least` to `most` need a logarithmic axis; zeros would count in its first bin."""
    low, middle, high = summary.one_percent, summary.median, summary.ninety_nine_percent
    if not (low is not None and middle and high) or low < 0 or middle < 0 or (summary.high or 0) <= 1:
        return False
    span = most / (least if least > 0 else middle)
    return _WIDE < span < _WIDEST or (_SKEWED_SPAN < span <= _WIDE and high - middle > _SKEW * (middle - low))


def _linear(summary: Summary, points: Sequence[float], limits: Sequence[float], *, whole: bool) -> Scale:
    low, high = min(points), max(points)
    if whole and high - low < BINS:
        # one bin for each number, with the number in its middle
        return Scale(math.floor(low) - 0.5, math.floor(high) + 0.5, int(math.floor(high) - math.floor(low)) + 1)
    first, last = _margins(low, high)
    if low >= 0 and summary.low is not None and summary.low >= 0:
        first = max(first, 0.0)
    return Scale(*_aligned(first, last, limits=limits, whole=whole))


def _margins(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * _MARGIN or abs(low) * 0.1 or 1.0
    return low - margin, high + margin


def _aligned(low: float, high: float, *, limits: Sequence[float], whole: bool = False) -> tuple[float, float, int]:
    """Shift an axis by less than a bin, and stretch its bins a little, so that they begin at the limits."""
    width = (high - low) / BINS
    apart = max(limits) - min(limits) if limits else 0.0
    if whole:
        # every bin holds the same number of whole numbers; otherwise neighbouring bins would alternate
        width = float(math.ceil(width))
    elif apart >= width:
        width = apart / round(apart / width)
    if limits:
        low = min(limits) - math.ceil((min(limits) - low) / width - 1e-9) * width
    bins = max(1, math.ceil((high - low) / width - 1e-9))
    return low, low + bins * width, bins


def count_bins(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[StatColumn], scales: Sequence[Scale]
) -> list[Histogram]:
    """Return a histogram of every numeric column with one query; values beyond an end count in the outermost bin."""
    histograms = [Histogram(scale, {outcome: [0] * scale.bins for outcome in OUTCOMES}) for scale in scales]
    parts = [
        Sql.of(
            "SELECT {index} AS place, {bin} AS bin, outcome, count(*) FROM ({outcomes})"
            " WHERE isfinite(value) GROUP BY bin, outcome",
            index=Sql(str(index)),
            bin=_bin(scale),
            outcomes=_outcomes(column),
        )
        for index, (column, scale) in enumerate(zip(columns, scales, strict=True))
    ]
    if parts:
        query = Sql.of("{gone} {parts}", gone=_with_gone(connection), parts=joined(" UNION ALL ", parts))
        for index, number, outcome, count in query.execute(connection).fetchall():
            histograms[index].counts[outcome][number] = count
    return histograms


def count_values(connection: duckdb.DuckDBPyConnection, column: StatColumn, scale: Scale) -> list[int]:
    """Return the number of values of a numeric column in each bin, whatever the outcome of their samples."""
    query = "SELECT {bin} AS bin, count(*) FROM ({values}) WHERE isfinite(value) GROUP BY bin"
    counts = dict(Sql.of(query, bin=_bin(scale), values=column.values()).execute(connection).fetchall())
    return [counts.get(number, 0) for number in range(scale.bins)]


def count_names(connection: duckdb.DuckDBPyConnection, column: StatColumn, most: int) -> Frequencies:
    """Return the `most` frequent values of a text column; values with equal counts are in alphabetical order."""
    query = Sql.of(
        "{gone} SELECT value, count(*) OVER (), {tallies} FROM ({outcomes})"
        " GROUP BY value ORDER BY count(*) DESC, value LIMIT {most}",
        gone=_with_gone(connection),
        tallies=joined(", ", [Sql("count(*) FILTER (outcome = ?)", (outcome,)) for outcome in OUTCOMES]),
        outcomes=_outcomes(column),
        most=most,
    )
    results = query.execute(connection).fetchall()
    rows = tuple((row[0], dict(zip(OUTCOMES, row[2:], strict=True))) for row in results)
    return Frequencies(rows, results[0][1] - len(rows) if results else 0)


def _with_gone(connection: duckdb.DuckDBPyConnection) -> Sql:
    return Sql(f"WITH gone AS MATERIALIZED ({ended_samples(connection, 'shard, row, TRUE AS gone')})")


def _outcomes(column: StatColumn) -> Sql:
    return Sql.of(
        "SELECT value, CASE WHEN fails THEN 'fails' WHEN gone THEN 'elsewhere' ELSE 'kept' END AS outcome"
        " FROM ({values}) LEFT JOIN gone USING (shard, row)",
        values=column.values(),
    )


def _bin(scale: Scale) -> Sql:
    """Return SQL for the bin of `value`; all numbers in it come from the scale."""
    low, high = f"{scale.low!r}::DOUBLE", f"{scale.high!r}::DOUBLE"
    share = f"(value - {low}) / ({high} - {low})"
    if scale.log:
        share = f"ln(greatest(value, {low}) / {low}) / ln({high} / {low})"
    # a value at the beginning of a bin belongs to this bin, whatever the rounding of logarithms
    return Sql(f"greatest(0, least({scale.bins - 1}, floor({share} * {scale.bins} + 1e-9)))::INTEGER")
