"""Samples near a bound: those that a small move of this bound would gain or lose, nearest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dj_assets.analysis.examples import excerpts
from dj_assets.home.layout import Layout
from dj_assets.recipe.plan import Plan
from dj_assets.what_if.bounds import Movable, SliderBound
from dj_assets.what_if.judged import Judged, unpacked

WIDTH = 280


@dataclass(frozen=True)
class Neighbour:
    """A sample near a bound that all other filters keep; `kept` is true where this bound keeps it, too."""

    id: str
    value: float
    kept: bool
    excerpt: str


def neighbours(
    judged: Judged, plan: Plan, layout: Layout, bound: tuple[Movable, SliderBound], each: int = 3
) -> list[Neighbour]:
    """Return up to `each` samples on either side of a bound, ordered by their value; none where the bound has no value.

    Samples whose value is no number, or that the bound at the other end drops, are left out.
    """
    movable, limit = bound
    if limit.value is None:
        return []
    near = [
        (judged.at(int(position)), float(value), side.kept)
        for side in _nearest(judged, plan, movable, limit, each)
        for position, value in sorted(zip(side.positions, side.values, strict=True))
    ]
    near.sort(key=lambda sample: (sample[1], sample[0][:2]))
    texts = excerpts(layout, [(shard, row) for (shard, row, _), _, _ in near], WIDTH)
    return [Neighbour(id, value, kept, texts.get((shard, row), "")) for (shard, row, id), value, kept in near]


class _Side:
    """The nearest samples so far on one side of a bound; of equally near ones, the first."""

    def __init__(self, *, kept: bool, limit: float, most: int) -> None:
        self.kept = kept
        self.positions: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.values: npt.NDArray[np.float64] = np.empty(0)
        self._limit, self._most = limit, most

    def see(self, positions: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> None:
        """Add samples, all of them after those added before."""
        distances = np.abs(values - self._limit)
        if len(distances) > self._most:
            near = distances <= np.partition(distances, self._most - 1)[self._most - 1]
            positions, values = positions[near], values[near]
        positions, values = np.append(self.positions, positions), np.append(self.values, values)
        order = np.argsort(np.abs(values - self._limit), kind="stable")[: self._most]
        self.positions, self.values = positions[order], values[order]


def _nearest(judged: Judged, plan: Plan, movable: Movable, bound: SliderBound, each: int) -> tuple[_Side, _Side]:
    """Find the nearest samples on the kept and the dropped side of a bound in one pass over the statistic."""
    limit = float(bound.value or 0)
    inside, outside = (_Side(kept=kept, limit=limit, most=each) for kept in (True, False))
    below = (bound.side == "low") != movable.range.reversed
    others = judged.kept_by_others(plan, movable.step)
    first = 0
    for values, kept in judged.scan(movable.value, movable.part.keep(movable.step.columns)):
        alive = unpacked(others, first, len(values)) & np.isfinite(values)
        beyond = values <= limit if below else values >= limit
        for side, chosen in ((inside, alive & kept), (outside, alive & ~kept & beyond)):
            indices = np.flatnonzero(chosen)
            side.see(first + indices, values[indices])
        first += len(values)
    return inside, outside
