"""Small histograms of every statistic, kept in a run's manifest for comparisons with later runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import duckdb
import pyarrow as pa

from dj_assets.home.run_manifest import Bins
from dj_assets.operators.base import Filter
from dj_assets.operators.sql import quoted
from dj_assets.recipe.plan import Plan

_BINS = 10
_NAMES = 20
# Quantiles hold their values in memory: from twice this number of samples on, they use every k-th, chosen by hash.
_QUANTILE_SAMPLES = 2_000_000


def bins_of(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, Bins]:
    """Return bins of about equally many values for every statistic of the table `stats`.

    The edges are the deciles. A value that fills more than one decile gets a bin of its own: values below it then have
    another bin.
    """
    bins = {}
    for column, kind in statistic_types(plan).items():
        if _is_text(kind):
            names = tuple(_frequent(connection, column, kind))
            bins[column] = Bins(names=names)
        else:
            bins[column] = Bins(edges=tuple(_edges(connection, column, kind)))
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


def _values(column: str, kind: pa.DataType, where: str = "TRUE") -> str:
    """Return a query for all values of a column, one row for each value of a list; null if there is none."""
    value = f"unnest({quoted(column)})" if _is_list(kind) else quoted(column)
    return f"(SELECT {value}::{'VARCHAR' if _is_text(kind) else 'DOUBLE'} AS value FROM stats WHERE {where})"  # noqa: S608


def _edges(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType) -> list[float]:
    row = connection.execute("SELECT count(*) FROM stats").fetchone()
    every = max(1, (row[0] if row else 0) // _QUANTILE_SAMPLES)
    values = _values(column, kind, f"hash(shard, row) % {every} = 0")
    shares = [n / _BINS for n in range(_BINS + 1)]
    query = f"SELECT quantile_disc(value, {shares}) FROM {values} WHERE isfinite(value)"  # noqa: S608 - numbers of ours
    answer = connection.execute(query).fetchone()
    deciles: list[float] = answer[0] if answer and answer[0] else []
    repeated = {value for value, following in itertools.pairwise(deciles) if value == following}
    return sorted({*deciles[1:-1], *repeated, *(math.nextafter(value, -math.inf) for value in repeated)})


def _frequent(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType) -> list[str]:
    values = _values(column, kind)
    query = f"SELECT value FROM {values} WHERE value IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT ?"  # noqa: S608
    return [name for (name,) in connection.execute(query, [_NAMES]).fetchall()]


def _counted(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType, bins: Bins) -> Bins:
    values = _values(column, kind)
    if _is_text(kind):
        query = f"SELECT value, count(*) FROM {values} WHERE value IS NOT NULL GROUP BY value"  # noqa: S608
        by_name = dict(connection.execute(query).fetchall())
        named = [by_name.pop(name, 0) for name in bins.names]
        return Bins(counts=(*named, sum(by_name.values())), names=bins.names)
    query = (
        "SELECT histogram(value, ?::DOUBLE[]) FILTER (isfinite(value)), count(*) FILTER (NOT isfinite(value)) "  # noqa: S608
        f"FROM {values}"
    )
    histogram, neither = connection.execute(query, [list(bins.edges)]).fetchone() or ({}, 0)
    ends = (*bins.edges, math.inf)
    counts = (*((histogram or {}).get(edge, 0) for edge in ends), neither)
    return Bins(counts=counts, edges=bins.edges)
