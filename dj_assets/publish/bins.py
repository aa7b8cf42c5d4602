"""Small histograms of every statistic, kept in a run's manifest for comparisons with later runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import duckdb
import pyarrow as pa

from dj_assets.home.run_manifest import Bins
from dj_assets.operators.base import Filter
from dj_assets.operators.sql import Sql, quoted
from dj_assets.recipe.plan import Plan

_BINS = 10
_ALL = Sql("TRUE")
_NAMES = 20
# Quantiles hold their values in memory: from twice this number of samples on, they use every k-th, chosen by hash.
_QUANTILE_SAMPLES = 2_000_000


def bins_of(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, Bins]:
    """Return bins of about equally many values for every statistic of the table `stats`.

    The edges are the deciles. A value that fills more than one decile gets a bin of its own: values below it then have
    another bin.
    """
    row = connection.execute("SELECT count(*) FROM stats").fetchone()
    every = max(1, (row[0] if row else 0) // _QUANTILE_SAMPLES)
    bins = {}
    for column, kind in statistic_types(plan).items():
        if _is_text(kind):
            names = tuple(_frequent(connection, column, kind))
            bins[column] = Bins(names=names)
        else:
            bins[column] = Bins(edges=tuple(_edges(connection, column, kind, every)))
    return recount(connection, plan, bins)


def recount(connection: duckdb.DuckDBPyConnection, plan: Plan, earlier: Mapping[str, Bins]) -> dict[str, Bins]:
    """Return the bins of an earlier run with the counts of the table `stats`, without columns that no longer exist."""
    types = statistic_types(plan)
    return {
        column: _counted(connection, column, types[column], bins)
        for column, bins in earlier.items()
        if column in types and bool(bins.names) <= _is_text(types[column])
    }


def statistic_types(plan: Plan) -> dict[str, pa.DataType]:
    """Return the type of every statistic column, in recipe order."""
    return {
        step.columns[statistic.key]: statistic.type
        for step in plan.filters
        if isinstance(operator := step.operator, Filter)
        for statistic in operator.statistics
    }


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    single = kind.value_type if _is_list(kind) else kind
    return not (pa.types.is_integer(single) or pa.types.is_floating(single))


def _values(column: str, kind: pa.DataType, where: Sql = _ALL) -> Sql:
    """Return a query for all values of a column, one row for each value of a list; null if there is none."""
    value = f"unnest({quoted(column)})" if _is_list(kind) else quoted(column)
    typed = Sql(f"{value}::{'VARCHAR' if _is_text(kind) else 'DOUBLE'}")
    return Sql.of("(SELECT {typed} AS value FROM stats WHERE {where})", typed=typed, where=where)


def _edges(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType, every: int) -> list[float]:
    """Return the edges of bins by the values of every n-th sample."""
    values = _values(column, kind, Sql(f"hash(shard, row) % {every} = 0"))
    shares = Sql(str([n / _BINS for n in range(_BINS + 1)]))
    query = Sql.of(
        "SELECT quantile_disc(value, {shares}) FROM {values} WHERE isfinite(value)", shares=shares, values=values
    )
    answer = query.execute(connection).fetchone()
    deciles: list[float] = answer[0] if answer and answer[0] else []
    repeated = {value for value, following in itertools.pairwise(deciles) if value == following}
    return sorted({*deciles[1:-1], *repeated, *(math.nextafter(value, -math.inf) for value in repeated)})


def _frequent(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType) -> list[str]:
    query = Sql.of(
        "SELECT value FROM {values} WHERE value IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT {most}",
        values=_values(column, kind),
        most=_NAMES,
    )
    return [name for (name,) in query.execute(connection).fetchall()]


def _counted(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType, bins: Bins) -> Bins:
    values = _values(column, kind)
    if _is_text(kind):
        query = Sql.of("SELECT value, count(*) FROM {values} WHERE value IS NOT NULL GROUP BY value", values=values)
        by_name = dict(query.execute(connection).fetchall())
        named = [by_name.pop(name, 0) for name in bins.names]
        return Bins(counts=(*named, sum(by_name.values())), names=bins.names)
    query = Sql.of(
        "SELECT histogram(value, {edges}::DOUBLE[]) FILTER (isfinite(value)), count(*) FILTER (NOT isfinite(value))"
        " FROM {values}",
        edges=list(bins.edges),
        values=values,
    )
    histogram, neither = query.execute(connection).fetchone() or ({}, 0)
    ends = (*bins.edges, math.inf)
    counts = (*((histogram or {}).get(edge, 0) for edge in ends), neither)
    return Bins(counts=counts, edges=bins.edges)
