"""Limits of thresholds: the filters whose thresholds can be moved, and the values that these can have."""

from __future__ import annotations

from typing import get_args

from dj_assets.analysis.columns import StatColumn
from dj_assets.analysis.tune_rule import Side
from dj_assets.operators.base import Limit, Operator
from dj_assets.operators.conditions import Range
from dj_assets.recipe.plan import Plan

SIDES: tuple[Side, Side] = ("low", "high")


def before_a_count(plan: Plan) -> dict[str, str]:
    """Name the filters whose thresholds decide what is counted, so that new ones would need a new measurement."""
    last = max((step.index for step in plan.corpus_mappers), default=-1)
    return {
        step.label: f"{step.label}: decides what {plan.steps[last].label} counts"
        for step in plan.filters
        if step.index < last
    }


def is_share(column: StatColumn) -> bool:
    """Return whether values are shares between 0 and 1."""
    return column.statistic.unit.startswith(("share", "probability"))


def end_of(both: Range, side: Side) -> float | None:
    """Return the bound of a range on one side, None where there is none."""
    return both.low if side == "low" else both.high


def is_whole(operator: Operator, parameter: str) -> bool:
    """Return whether a parameter is a whole number, or the bound of a statistic of whole numbers."""
    field = type(operator).model_fields[parameter]
    kinds = {field.annotation, *get_args(field.annotation)}
    # pydantic keeps the validator of a `Limit` apart from its type, which is that of a number with a fraction
    is_limit = Limit in kinds or get_args(Limit)[1] in field.metadata
    return is_limit or (int in kinds and float not in kinds)
