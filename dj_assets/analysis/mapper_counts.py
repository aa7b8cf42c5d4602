"""The sums of what mappers counted while they rewrote samples."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from dj_assets.operators.base import CountingMapper
from dj_assets.operators.sql import Sql, joined, quoted
from dj_assets.publish.database import ended_samples
from dj_assets.recipe.plan import Plan


@dataclass(frozen=True)
class MapperCount:
    """A count of a mapper over a run: its sum over all samples, the samples that have any, and those of them kept."""

    operator: str
    key: str
    unit: str
    total: int
    samples: int
    kept: int


def mapper_counts(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[MapperCount]:
    """Return the counts of all mappers that count, in recipe order."""
    counted = [
        (step.label, statistic, step.columns[statistic.key])
        for step in plan.steps
        if isinstance(step.operator, CountingMapper)
        for statistic in step.statistics
    ]
    if not counted:
        return []
    column = "coalesce(sum({name}), 0), count(*) FILTER ({name} > 0), count(*) FILTER ({name} > 0 AND NOT gone)"
    query = Sql.of(
        "WITH ended AS MATERIALIZED (SELECT DISTINCT * FROM ({ended})) SELECT {columns} FROM"
        " (SELECT stats.*, coalesce(gone, FALSE) AS gone FROM stats LEFT JOIN ended USING (shard, row))",
        ended=Sql(ended_samples(connection, "shard, row, TRUE AS gone")),
        columns=joined(", ", [Sql.of(column, name=Sql(quoted(name))) for *_, name in counted]),
    )
    values = query.execute(connection).fetchone() or ()
    return [
        MapperCount(label, statistic.key, statistic.unit, *map(int, values[3 * index : 3 * index + 3]))
        for index, (label, statistic, _) in enumerate(counted)
    ]
