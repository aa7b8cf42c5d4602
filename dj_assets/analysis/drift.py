"""The drift of a subset's statistics between two runs: the population stability index of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dj_assets.home.run_manifest import Bins
from dj_assets.publish.bins import recount
from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan

# An empty bin counts as half a value: the logarithm of zero is infinite.
_HALF = 0.5
# Chance exceeds this number of standard deviations of the normal distribution in one of a thousand comparisons.
_RARE = 3.09


@dataclass(frozen=True)
class Drift:
    """The drift of one statistic between two runs.

    `index` is its population stability index: 0 where both distributions are the same; by convention, over 0.2 is a
    marked change. `chance` is the index that one of a thousand comparisons reaches although nothing changed: with few
    samples it is above every convention. `before` and `now` count the values.
    """

    statistic: str
    index: float
    chance: float
    before: int
    now: int


def drifts(earlier: Mapping[str, Bins], database: Path, plan: Plan) -> list[Drift]:
    """Compare the statistics in a database with the bins in the manifest of an earlier run; the greatest drift first.

    Statistics that only one of the runs has, or that have no value, are left out. A manifest from a version without
    bins gives no drifts.
    """
    with reading(database) as connection:
        now = recount(connection, plan, earlier)
    moved = [_drift(column, earlier[column].counts, bins.counts) for column, bins in now.items()]
    return sorted((drift for drift in moved if drift.before and drift.now), key=lambda drift: -drift.index)


def stability_index(before: Sequence[int], now: Sequence[int]) -> float:
    """Return the population stability index of two histograms over the same bins.

    It is the sum of `(q - p) ln(q / p)` over the shares p and q of each bin (Siddiqi, Credit Risk Scorecards, 2006).
    Bins that are empty in both do not count.
    """
    pairs = _filled(before, now)
    total = [sum(column) + _HALF * len(pairs) for column in zip(*pairs, strict=True)]
    shares = [((a + _HALF) / total[0], (b + _HALF) / total[1]) for a, b in pairs]
    return math.fsum((q - p) * math.log(q / p) for p, q in shares)


def _drift(column: str, before: Sequence[int], now: Sequence[int]) -> Drift:
    sizes = sum(before), sum(now)
    chance = _chance(len(_filled(before, now)) - 1, *sizes) if all(sizes) else math.inf
    return Drift(column, stability_index(before, now), chance, *sizes)


def _chance(free: int, before: int, now: int) -> float:
    """Return the index that chance alone seldom exceeds: over (1/n + 1/m) it is nearly chi-squared distributed."""
    if free < 1:
        return 0.0
    spread = 2 / (9 * free)  # the approximation of Wilson and Hilferty
    return float(free * (1 - spread + _RARE * math.sqrt(spread)) ** 3 * (1 / before + 1 / now))


def _filled(before: Sequence[int], now: Sequence[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in zip(before, now, strict=True) if a or b]
