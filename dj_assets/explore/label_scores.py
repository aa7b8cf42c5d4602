"""Every filter compared with the labels: precision, recall, and the threshold that separates good from bad best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dj_assets.explore.samples import Mask, Samples
from dj_assets.explore.thresholds import Thresholds
from dj_assets.recipe.plan import Plan
from dj_assets.what_if.bounds import Movable, SliderBound, movables

# With fewer labels of a kind a proposal says nothing.
LEAST_LABELS = 5
_DIGITS = 4


@dataclass(frozen=True)
class Score:
    """A filter as a search for bad samples: it drops `dropped` of the labelled, `bad` of them rightly.

    `precision` is the share of bad ones among the dropped, `recall` the share of all bad ones that are dropped; None
    where there are none.
    """

    dropped: int
    bad: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Proposal:
    """A threshold that separates the labels better than the present one, and the scores of both."""

    operator: str
    index: int
    parameter: str
    statistic: str
    now: float | None
    value: float
    before: Score
    after: Score


def scores(thresholds: Thresholds, plan: Plan, labelled: Mapping[int, bool]) -> list[dict[str, object]]:
    """Return operator, index and score of every filter in recipe order."""
    at, good = _arrays(labelled)
    return [
        {"operator": step.label, "index": step.index, **asdict(_score(~thresholds.passing(step)[at], good))}
        for step in plan.filters
    ]


def proposals(samples: Samples, plan: Plan, labelled: Mapping[int, bool]) -> list[Proposal]:
    """Return a better threshold for every bound that has one.

    It maximizes the share of bad samples that are dropped minus the share of good ones (Youden's J), one bound at a
    time, over the labelled samples with a value. Of equal ones it is the loosest.
    """
    at, good = _arrays(labelled)
    proposed = []
    for movable in movables(plan):
        if movable.fixed or movable.range.reversed:
            continue
        values = samples.numbers(movable.statistic)[at]
        there = np.isfinite(values)
        if min(np.count_nonzero(good[there]), np.count_nonzero(~good[there])) < LEAST_LABELS:
            continue
        for bound in movable.bounds:
            better = _better(movable, bound, values[there], good[there])
            if better is not None:
                proposed.append(better)
    return proposed


def _better(movable: Movable, bound: SliderBound, values: npt.NDArray[np.float64], good: Mask) -> Proposal | None:
    distinct = np.unique(values)
    between = [_rounded(low, high, bound) for low, high in pairwise(distinct.tolist())]
    # from the loosest on: the first of equal ones is taken
    candidates = between if bound.side == "low" else between[::-1]
    now = _dropped(values, bound, bound.value)
    best, chosen = _youden(now, good), None
    for value in candidates:
        gain = _youden(_dropped(values, bound, value), good)
        if gain > best + 1e-9:
            best, chosen = gain, value
    if chosen is None:
        return None
    after = _score(_dropped(values, bound, chosen), good)
    number = int(chosen) if bound.whole else chosen
    label, index = movable.step.label, movable.step.index
    return Proposal(label, index, bound.parameter, movable.statistic, bound.value, number, _score(now, good), after)


def _dropped(values: npt.NDArray[np.float64], bound: SliderBound, limit: float | None) -> Mask:
    if limit is None:
        return np.zeros(len(values), bool)
    return values < limit if bound.side == "low" else values > limit


def _rounded(low: float, high: float, bound: SliderBound) -> float:
    """Return a short number between two values, so that it separates them."""
    middle = (low + high) / 2
    if bound.whole:
        return float(np.ceil(middle) if bound.side == "low" else np.floor(middle))
    short = float(f"{middle:.{_DIGITS}g}")
    return short if low < short < high else middle


def _youden(dropped: Mask, good: Mask) -> float:
    return float(np.mean(dropped[~good]) - np.mean(dropped[good]))


def _score(dropped: Mask, good: Mask) -> Score:
    number, bad, all_bad = (int(np.count_nonzero(marks)) for marks in (dropped, dropped & ~good, ~good))
    return Score(number, bad, bad / number if number else None, bad / all_bad if all_bad else None)


def _arrays(labelled: Mapping[int, bool]) -> tuple[npt.NDArray[np.int64], Mask]:
    return np.array(sorted(labelled), np.int64), np.array([labelled[at] for at in sorted(labelled)], bool)
