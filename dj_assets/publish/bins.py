"""Small histograms of every statistic, kept in a run's manifest for comparisons with later runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from dj_assets.home.run_manifest import Bins
from dj_assets.operators.base import Filter
from dj_assets.operators.sql import Sql, joined, quoted
from dj_assets.recipe.plan import Plan

_BINS = 10
_NAMES = 20
# Quantiles hold their values in memory: from twice this number of samples on, they use every k-th, chosen by hash.
_QUANTILE_SAMPLES = 2_000_000
# One query is about as many columns as hold this number of values together: each query costs about a millisecond.
_VALUES_AT_ONCE = 1_000_000


def bins_of(connection: duckdb.DuckDBPyConnection, plan: Plan) -> dict[str, Bins]:
    """Return bins of about equally many values for every statistic of the table `stats`.

    The edges are the deciles. A value that fills more than one decile gets a bin of its own: values below it then have
    another bin.
    """
    samples = _samples(connection)
    types = statistic_types(plan)
    numeric = {column: kind for column, kind in types.items() if not _is_text(kind)}
    edges = _edges(connection, numeric, samples)
    bins = {}
    for column, kind in types.items():
        if column in edges:
            bins[column] = Bins(edges=edges[column])
        else:
            bins[column] = Bins(names=tuple(_frequent(connection, column, kind)))
    return recount(connection, plan, bins)


def recount(connection: duckdb.DuckDBPyConnection, plan: Plan, earlier: Mapping[str, Bins]) -> dict[str, Bins]:
    """Return the bins of an earlier run with the counts of the table `stats`, without columns that no longer exist."""
    types = statistic_types(plan)
    known = {
        column: bins
        for column, bins in earlier.items()
        if column in types and bool(bins.names) <= _is_text(types[column])
    }
    numeric = {column: types[column] for column in known if not _is_text(types[column])}
    counts = _counts(connection, numeric, known, _samples(connection))
    return {
        column: Bins(counts=counts[column], edges=bins.edges)
        if column in numeric
        else _counted_names(connection, column, types[column], bins)
        for column, bins in known.items()
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


def _values(column: str, kind: pa.DataType) -> Sql:
    """Return a query for all values of a column, one row for each value of a list; null if there is none."""
    value = f"unnest({quoted(column)})" if _is_list(kind) else quoted(column)
    typed = Sql(f"{value}::{'VARCHAR' if _is_text(kind) else 'DOUBLE'}")
    return Sql.of("(SELECT shard, row, {typed} AS value FROM stats)", typed=typed)


def _samples(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("SELECT count(*) FROM stats").fetchone()
    return row[0] if row else 0


def _asked(
    connection: duckdb.DuckDBPyConnection,
    columns: Mapping[str, pa.DataType],
    samples: int,
    aggregate: Callable[[str, Sql], Sql],
) -> dict[str, Any]:
    """Return an aggregate over the values of every numeric column, of as many columns with one query as memory allows.

    `aggregate` makes it of the name of the column and the SQL of a value. A list has several values for a sample, so
    such a column has a query of its own.
    """
    single = [column for column, kind in columns.items() if not _is_list(kind)]
    size = max(1, _VALUES_AT_ONCE // max(1, samples))
    found: dict[str, Any] = {}
    for at in range(0, len(single), size):
        names = single[at : at + size]
        parts = [aggregate(name, Sql(f"{quoted(name)}::DOUBLE")) for name in names]
        answers = Sql.of("SELECT {parts} FROM stats", parts=joined(", ", parts)).execute(connection).fetchone() or ()
        found |= dict(zip(names, answers, strict=True))
    for name in columns.keys() - set(single):
        query = "SELECT {part} FROM {values}"
        part = aggregate(name, Sql("value"))
        answers = Sql.of(query, part=part, values=_values(name, columns[name])).execute(connection).fetchone() or (
            None,
        )
        found[name] = answers[0]
    return found


def _edges(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, pa.DataType], samples: int
) -> dict[str, tuple[float, ...]]:
    """Return the edges of the bins of numeric columns, by the values of every n-th sample."""
    shares = Sql(str([n / _BINS for n in range(_BINS + 1)]))
    chosen = Sql(f"hash(shard, row) % {max(1, samples // _QUANTILE_SAMPLES)} = 0")

    def deciles(_: str, value: Sql) -> Sql:
        query = "quantile_disc({value}, {shares}) FILTER (isfinite({value}) AND {chosen})"
        return Sql.of(query, value=value, shares=shares, chosen=chosen)

    return {name: _between(answer or []) for name, answer in _asked(connection, columns, samples, deciles).items()}


def _between(deciles: list[float]) -> tuple[float, ...]:
    """Return the edges of bins of equally many values; one that fills more than a decile has a bin of its own."""
    repeated = {value for value, following in itertools.pairwise(deciles) if value == following}
    return tuple(sorted({*deciles[1:-1], *repeated, *(math.nextafter(value, -math.inf) for value in repeated)}))


def _counts(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, pa.DataType], bins: Mapping[str, Bins], samples: int
) -> dict[str, tuple[int, ...]]:
    """Return the number of values in every bin of numeric columns, and last that of values that are no number."""

    def histogram(name: str, value: Sql) -> Sql:
        query = """
            {{'finite': histogram({value}, {edges}::DOUBLE[]) FILTER (isfinite({value})),
              'others': count(*) FILTER (NOT isfinite({value}))}}
        """
        return Sql.of(query, value=value, edges=list(bins[name].edges))

    counts = {}
    for name, answer in _asked(connection, columns, samples, histogram).items():
        finite, others = (answer["finite"] or {}, answer["others"]) if answer else ({}, 0)
        counts[name] = (*(finite.get(edge, 0) for edge in (*bins[name].edges, math.inf)), others)
    return counts


def _frequent(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType) -> list[str]:
    query = Sql.of(
        "SELECT value FROM {values} WHERE value IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT {most}",
        values=_values(column, kind),
        most=_NAMES,
    )
    return [name for (name,) in query.execute(connection).fetchall()]


def _counted_names(connection: duckdb.DuckDBPyConnection, column: str, kind: pa.DataType, bins: Bins) -> Bins:
    query = Sql.of(
        "SELECT value, count(*) FROM {values} WHERE value IS NOT NULL GROUP BY value", values=_values(column, kind)
    )
    by_name = dict(query.execute(connection).fetchall())
    named = [by_name.pop(name, 0) for name in bins.names]
    return Bins(counts=(*named, sum(by_name.values())), names=bins.names)
