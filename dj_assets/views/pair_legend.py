"""The legend of a pair sheet: a style for each outcome of boxes, the same in all sheets of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dj_assets.analysis.image_pairs import EndedAt, ImagePair
from dj_assets.recipe.plan import Plan

# Styles of operators in the style sheet, `ended-0` and so on; with more operators they are used again.
_STYLES = 7


@dataclass(frozen=True)
class LegendEntry:
    """One outcome: its label, its class in the style sheet, and how many boxes of the pair have it."""

    label: str
    style: str
    boxes: int


def style_of(plan: Plan, outcome: EndedAt) -> str:
    """Return the class of an outcome in the style sheet: `kept`, `quarantined`, or that of the operator."""
    if outcome.kind in {"kept", "quarantined"}:
        return outcome.kind
    losing = [step.label for step in plan.steps if step.drops]
    return f"ended-{losing.index(outcome.operator) % _STYLES if outcome.operator in losing else _STYLES - 1}"


def label_of(outcome: EndedAt) -> str:
    """Return an outcome in words."""
    return f"{outcome.kind} by {outcome.operator}" if outcome.operator else outcome.kind


def legend(plan: Plan, pair: ImagePair) -> list[LegendEntry]:
    """Return the outcomes of the boxes of a pair: kept, then by operators in the order of the recipe."""
    counts = Counter((label_of(box.outcome), style_of(plan, box.outcome), box.outcome.operator) for box in pair.boxes)
    order = {"": -1, **{step.label: step.index for step in plan.steps}}
    listed = sorted(counts.items(), key=lambda entry: (order.get(entry[0][2], len(order)), entry[0][0]))
    return [LegendEntry(label, style, count) for (label, style, _), count in listed]
