"""The funnel of the filters alone, as if no deduplicator dropped anything: one query over the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dj_assets.operators.base import Filter
from dj_assets.recipe.plan import Plan

_NEVER = 32767


@dataclass(frozen=True)
class FilterCount:
    """Samples in and out of one step in recipe order; `alone` counts those that its own condition would drop."""

    operator: str
    index: int
    samples_in: int
    samples_out: int
    alone: int


def note_failures(connection: duckdb.DuckDBPyConnection, rejects: Sequence[Path]) -> bool:
    """Make a table of the samples that failed inside an operator, with the step; return whether there are any.

    A sample that failed has no statistic behind that step. It is quarantined there, unless a filter before drops it.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE failed AS SELECT shard, row, min(step) AS step FROM read_parquet(?) "
        "WHERE step >= 0 GROUP BY shard, row",
        [[str(path) for path in rejects]],
    )
    found = connection.execute("SELECT count(*) FROM failed").fetchone()
    return bool(found and found[0])


def count_filters(connection: duckdb.DuckDBPyConnection, plan: Plan, *, failures: bool) -> list[FilterCount]:
    """Return what every step but mappers and deduplicators takes in and lets out, exactly.

    `failures` says that the connection has a table `failed`, see `note_failures`.
    """
    tests = [
        (step, step.operator.condition.keep(step.columns)) for step in plan.filters if isinstance(step.operator, Filter)
    ]
    kept = ", ".join(f"{test.text} AS keeps_{step.index}" for step, test in tests)
    failed = "coalesce(failed.step, ?)" if failures else "?"
    source = "stats LEFT JOIN failed USING (shard, row)" if failures else "stats"
    first = " ".join(f"WHEN NOT keeps_{step.index} THEN {step.index}" for step, _ in tests)
    event = f"least(failed_at, CASE {first} ELSE {_NEVER} END)" if tests else "failed_at"
    alone = "".join(f", count(*) FILTER (NOT keeps_{step.index})" for step, _ in tests)
    query = (
        f"SELECT {event} AS event, count(*){alone} "  # noqa: S608 - conditions bind their values
        f"FROM (SELECT {failed} AS failed_at{', ' * bool(tests)}{kept} FROM {source}) GROUP BY event"
    )
    found = connection.execute(query, [_NEVER, *(p for _, test in tests for p in test.parameters)]).fetchall()
    return _counts(
        plan, {row[0]: row[1] for row in found}, [sum(row[2 + n] for row in found) for n in range(len(tests))]
    )


def _counts(plan: Plan, ended: dict[int, int], alone: Sequence[int]) -> list[FilterCount]:
    by_filter = dict(zip((step.index for step in plan.filters), alone, strict=True))
    counts, alive = [], sum(ended.values())
    for step in plan.steps:
        left = ended.get(step.index, 0)
        if left or step.index in by_filter:
            counts.append(FilterCount(step.label, step.index, alive, alive - left, by_filter.get(step.index, 0)))
        alive -= left
    return counts
