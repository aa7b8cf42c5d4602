"""The funnel of the filters alone, as if no deduplicator dropped anything."""

from __future__ import annotations

from dataclasses import dataclass

from dj_assets.recipe.plan import Plan
from dj_assets.what_if.judged import Judged, count


@dataclass(frozen=True)
class FilterCount:
    """Samples in and out of one step in recipe order; `alone` counts those that its own condition would drop."""

    operator: str
    index: int
    samples_in: int
    samples_out: int
    alone: int


def count_filters(judged: Judged, plan: Plan) -> list[FilterCount]:
    """Return the exact samples in and out of every filter, and of every other step at which samples failed."""
    filters = {step.index for step in plan.filters}
    counts, bits, alive = [], judged.all(), judged.samples
    for step in plan.steps:
        if step.index not in filters and step.index not in judged.failed:
            continue
        alone = 0
        if step.index in filters:
            kept = judged.kept(step)
            alone = judged.samples - count(kept)
            bits &= kept
        if step.index in judged.failed:
            bits &= ~judged.failed[step.index]
        left = count(bits)
        if step.index in filters or left < alive:
            counts.append(FilterCount(step.label, step.index, alive, left, alone))
        alive = left
    return counts
