"""Samples at the border: those that a small move of one bound would gain or lose, nearest first."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from dj_assets.operators.base import Filter
from dj_assets.operators.conditions import Sql
from dj_assets.recipe.plan import Plan
from dj_assets.report.examples import excerpts
from dj_assets.report.what_if.bounds import Bound, Movable
from dj_assets.storage.layout import Layout

WIDTH = 280


@dataclass(frozen=True)
class Neighbour:
    """A sample near a bound that all other filters keep; `kept` says on which side of the bound it lies."""

    id: str
    value: float
    kept: bool
    excerpt: str


def neighbours(
    connection: duckdb.DuckDBPyConnection, plan: Plan, layout: Layout, bound: tuple[Movable, Bound], each: int = 3
) -> list[Neighbour]:
    """Return up to `each` samples on either side of a bound, ordered by their value; none where it does not bound.

    Values that are no numbers lie nowhere.
    """
    movable, limit = bound
    if limit.value is None:
        return []
    sides = [_side(plan, movable, limit, kept=kept, most=each) for kept in (True, False)]
    query = " UNION ALL ".join(f"({side.text})" for side in sides)
    found = connection.execute(query, [parameter for side in sides for parameter in side.parameters]).fetchall()
    found.sort(key=lambda row: (row[3], row[0], row[1]))
    texts = excerpts(layout, [(row[0], row[1]) for row in found], WIDTH)
    return [Neighbour(row[2], row[3], row[4], texts.get((row[0], row[1]), "")) for row in found]


def _side(plan: Plan, movable: Movable, bound: Bound, *, kept: bool, most: int) -> Sql:
    """Ask for the nearest samples on one side of a bound that every other filter keeps."""
    tests = [
        step.operator.condition.keep(step.columns)
        for step in plan.filters
        if isinstance(step.operator, Filter) and step.index != movable.step.index
    ]
    value, own = movable.value, movable.part.keep(movable.step.columns)
    outside = (bound.side == "low") != movable.range.reversed
    limit = float(bound.value or 0)
    where = [*(test.text for test in tests), f"{'' if kept else 'NOT '}{own.text}", f"isfinite({value.text})"]
    parameters = [
        *value.parameters,
        *(p for test in tests for p in test.parameters),
        *own.parameters,
        *value.parameters,
    ]
    if not kept:
        # what the bound at the other end drops is not near to this one
        where.append(f"{value.text} {'<=' if outside else '>='} ?")
        parameters += [*value.parameters, limit]
    return Sql(
        f"SELECT shard, row, id, {value.text} AS value, {kept} AS kept FROM stats WHERE {' AND '.join(where)} "  # noqa: S608
        f"ORDER BY abs(value - ?), shard, row LIMIT {most}",
        (*parameters, limit),
    )
