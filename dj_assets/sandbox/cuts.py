"""The thirds of a statistic: exact cuts by rank; position breaks ties."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from dj_assets.operators.sql import Sql, joined
from dj_assets.sandbox.pools import PARTS, POSITION, Edge, Third, population, value_of

# Fewer values do not give three parts.
FEWEST_VALUES = 3
_FIRST, _BEYOND = Edge(float("-inf"), 0), Edge(float("inf"), (1 << 63) - 1)


@dataclass(frozen=True)
class Probed:
    """A statistic to cut: its column, and whether the column holds a list for each sample."""

    column: str
    is_list: bool = False


def find_thirds(
    connection: duckdb.DuckDBPyConnection, statistics: Iterable[Probed], *, kept: bool = False
) -> tuple[list[Third], dict[str, str]]:
    """Return low, middle and high third of every statistic, and the statistics without thirds, each with the reason.

    The cuts are after int(n / 3 + 0.5) and int(2 n / 3 + 0.5) of the n samples that have a value, in the order of
    value, shard, row.
    """
    probed = tuple(statistics)
    thirds: list[Third] = []
    without: dict[str, str] = {}
    for statistic, span in zip(probed, _spans(connection, probed, kept=kept), strict=True):
        if span.values < FEWEST_VALUES:
            without[statistic.column] = f"only {span.values} values" if span.values else "no values"
        elif span.low == span.high:
            without[statistic.column] = f"constant: every value is {span.low:g}"
        else:
            thirds += _cut(connection, statistic, _values(statistic, kept=kept), span)
    return thirds, without


@dataclass(frozen=True)
class _Span:
    """The values of a statistic: their count, the smallest, the largest."""

    values: int
    low: float
    high: float


def _spans(connection: duckdb.DuckDBPyConnection, probed: Sequence[Probed], *, kept: bool) -> list[_Span]:
    if not probed:
        return []
    values = [value_of(statistic.column, is_list=statistic.is_list) for statistic in probed]
    spans = joined(", ", [Sql.of("count({value}), min({value}), max({value})", value=value) for value in values])
    row = _one(connection, Sql.of("SELECT {spans} FROM stats {among}", spans=spans, among=population(kept=kept)))
    return [_Span(*row[at : at + 3]) for at in range(0, len(row), 3)]


def _values(probed: Probed, *, kept: bool) -> Sql:
    value = value_of(probed.column, is_list=probed.is_list)
    query = "SELECT {value} AS v, {position} AS place FROM stats {among}"
    return Sql.of(query, value=value, position=POSITION, among=population(kept=kept))


def _cut(connection: duckdb.DuckDBPyConnection, probed: Probed, rows: Sql, span: _Span) -> list[Third]:
    cuts = [int(span.values * share + 0.5) for share in (1 / 3, 2 / 3)]
    # half a rank less, so that rounding never reaches the next one
    shares = [(number + 0.5) / span.values for cut in cuts for number in (cut - 1, cut)]
    query = Sql.of("SELECT quantile_disc(v, {shares}) FROM ({rows})", shares=shares, rows=rows)
    (values,) = _one(connection, query)
    low_end, mid_start, mid_end, high_start = values
    bounds = ((span.low, low_end), (mid_start, mid_end), (high_start, span.high))
    counts = [Sql("count(*) FILTER (v BETWEEN ? AND ?)", pair) for pair in bounds]
    counts += [Sql("count(*) FILTER (v < ?), count(*) FILTER (v = ?)", (at, at)) for at in (mid_start, high_start)]
    query = Sql.of("SELECT {counts} FROM ({rows})", counts=joined(", ", counts), rows=rows)
    *by_value, below_mid, tied_mid, below_high, tied_high = _one(connection, query)
    ranks = ((cuts[0] - below_mid + 0.5) / tied_mid, (cuts[1] - below_high + 0.5) / tied_high)
    position = "quantile_disc(place, ?::DOUBLE) FILTER (v = ?)"
    positions = [Sql(position, pair) for pair in zip(ranks, (mid_start, high_start), strict=True)]
    query = Sql.of("SELECT {positions} FROM ({rows})", positions=joined(", ", positions), rows=rows)
    mid, high = _one(connection, query)
    edges = (_FIRST, Edge(mid_start, mid), Edge(high_start, high), _BEYOND)
    sizes = (cuts[0], cuts[1] - cuts[0], span.values - cuts[1])
    return [
        Third(
            probed.column,
            part,
            probed.is_list,
            edges[n],
            edges[n + 1],
            bounds[n][0],
            bounds[n][1],
            sizes[n],
            by_value[n],
        )
        for n, part in enumerate(PARTS)
    ]


def _one(connection: duckdb.DuckDBPyConnection, query: Sql) -> tuple:  # type: ignore[type-arg]
    row = query.execute(connection).fetchone()
    assert row is not None, "an aggregate has one row"  # noqa: S101
    return row
