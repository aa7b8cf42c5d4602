"""Correlations of statistics with each other and with the scores of pools."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import duckdb
import numpy as np

from dj_assets.operators.sql import Sql, joined
from dj_assets.sandbox.cuts import Probed
from dj_assets.sandbox.pools import Pool, population, value_of

# Any two pools are on one line, so a correlation over fewer pools says nothing.
FEWEST_POOLS = 3


def between_statistics(
    connection: duckdb.DuckDBPyConnection, statistics: Sequence[Probed], *, kept: bool = False
) -> dict[tuple[str, str], float | None]:
    """Return Pearson's r of every pair with one query; None where it is not defined."""
    pairs = list(itertools.combinations(statistics, 2))
    if not pairs:
        return {}
    values = {statistic.column: value_of(statistic.column, is_list=statistic.is_list) for statistic in statistics}
    parts = joined(", ", [Sql.of("corr({a}, {b})", a=values[a.column], b=values[b.column]) for a, b in pairs])
    query = Sql.of("SELECT {parts} FROM stats {among}", parts=parts, among=population(kept=kept))
    row = query.execute(connection).fetchone()
    return {(a.column, b.column): _finite(r) for (a, b), r in zip(pairs, row or (), strict=True)}


def means(connection: duckdb.DuckDBPyConnection, statistics: Sequence[Probed], pool: Pool) -> dict[str, float | None]:
    """Return the mean of every statistic over the samples of a pool; None where none has a value."""
    values = [value_of(statistic.column, is_list=statistic.is_list) for statistic in statistics]
    parts = joined(", ", [Sql.of("avg({value})", value=value) for value in values])
    query = "SELECT {parts} FROM stats SEMI JOIN ({members}) USING (shard, row)"
    row = Sql.of(query, parts=parts, members=pool.members()).execute(connection).fetchone()
    return {statistic.column: _finite(mean) for statistic, mean in zip(statistics, row or (), strict=True)}


def with_scores(
    pool_means: Mapping[str, Mapping[str, float | None]], scores: Mapping[str, float]
) -> dict[str, float | None]:
    """Return, for every statistic, Pearson's r between the means and the scores of the pools.

    It is None where fewer than three pools have both, or where one of the two is the same for all.
    """
    names = dict.fromkeys(name for means_of_pool in pool_means.values() for name in means_of_pool)
    correlated: dict[str, float | None] = {}
    for name in names:
        points = [
            (mean, scores[pool])
            for pool, means_of_pool in pool_means.items()
            if pool in scores and (mean := means_of_pool.get(name)) is not None
        ]
        correlated[name] = _pearson(points) if len(points) >= FEWEST_POOLS else None
    return correlated


def _pearson(points: Sequence[tuple[float, float]]) -> float | None:
    a, b = np.array(points, float).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return _finite(float(np.corrcoef(a, b)[0, 1]))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
