"""Movable bounds: those of every filter that has a range, with the axis to draw them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from dj_assets.analysis.columns import stat_columns
from dj_assets.analysis.histograms import choose_scale, count_values
from dj_assets.analysis.statistics import summarize
from dj_assets.analysis.tune_bounds import SIDES, before_a_count, end_of, is_whole
from dj_assets.analysis.tune_rule import Side
from dj_assets.operators.base import Filter
from dj_assets.operators.conditions import All, Condition, EachInRange, Range
from dj_assets.operators.sql import Sql
from dj_assets.recipe.plan import Plan, Step


@dataclass(frozen=True)
class SliderBound:
    """One threshold and the parameter that sets it; a value of None is no bound."""

    side: Side
    parameter: str
    value: float | None
    whole: bool


@dataclass(frozen=True)
class Movable:
    """A statistic that the filter of a step judges by a range, which is a part of its condition.

    `fixed` is the reason why its bounds cannot be moved here; "" where they can.
    """

    step: Step
    part: Range | EachInRange
    unit: str
    bounds: tuple[SliderBound, ...]
    fixed: str

    @property
    def range(self) -> Range:
        """Return the range."""
        return self.part if isinstance(self.part, Range) else self.part.elements

    @property
    def statistic(self) -> str:
        """Return the name of the column in the table `stats`."""
        return self.step.columns[self.range.key]

    @property
    def value(self) -> Sql:
        """Return the judged number as SQL; for a list, the number that decides."""
        return self.part.value(self.step.columns)


@dataclass(frozen=True)
class Axis:
    """The distribution of values: an axis in bins with the count of each, and the least and the greatest value."""

    low: float
    high: float
    log: bool
    counts: list[int]
    least: float
    greatest: float
    values: int


def movables(plan: Plan) -> list[Movable]:
    """Return every statistic that a range judges, in recipe order."""
    fixed = before_a_count(plan)
    movable_statistics = []
    for step in plan.filters:
        assert isinstance(step.operator, Filter)  # noqa: S101 - the plan lists filters only
        units = {statistic.key: statistic.unit for statistic in step.operator.statistics}
        why = fixed.get(step.label, "").partition(": ")[2]
        for part in _parts(step.operator.condition):
            both = part if isinstance(part, Range) else part.elements
            bounds = tuple(_bounds(step, both))
            if bounds:
                movable_statistics.append(Movable(step, part, units[both.key], bounds, why))
    return movable_statistics


def axis(connection: duckdb.DuckDBPyConnection, plan: Plan, movable: Movable) -> Axis | None:
    """Return the axis of a statistic with a histogram of all values; None where there is no number."""
    column = next(column for column in stat_columns(plan) if column.name == movable.statistic)
    (summary,) = summarize(connection, [column])
    scale = choose_scale(summary, movable.range, whole=column.is_whole)
    if scale is None or summary.low is None or summary.high is None:
        return None
    counts = count_values(connection, column, scale)
    return Axis(scale.low, scale.high, scale.log, counts, summary.low, summary.high, summary.finite)


def _parts(condition: Condition) -> Iterator[Range | EachInRange]:
    if isinstance(condition, Range | EachInRange):
        yield condition
    elif isinstance(condition, All):
        for part in condition.parts:
            yield from _parts(part)


def _bounds(step: Step, both: Range) -> Iterator[SliderBound]:
    fields = type(step.operator).model_fields
    for side, parameter in zip(SIDES, (both.low_name, both.high_name), strict=True):
        if parameter in fields:
            yield SliderBound(side, parameter, end_of(both, side), is_whole(step.operator, parameter))
