"""How far the statistics of a subset moved between two runs: the population stability index of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dj_assets.home.run_manifest import Bins
from dj_assets.publish.bins import recount
from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan

# A bin without a value counts as half of one: its logarithm would be infinite.
_HALF = 0.5
# What is exceeded by chance in one of a thousand comparisons, in standard deviations of the normal distribution.
_RARE = 3.09


@dataclass(frozen=True)
class Drift:
    """One statistic in two runs.

    `index` is its population stability index: 0 where both are distributed alike, over 0.2 by custom a marked change.
    `chance` is what the index reaches in one of a thousand comparisons though nothing changed: with few samples more
    than any custom allows. `before` and `now` count the values.
    """

    statistic: str
    index: float
    chance: float
    before: int
    now: int


def drifts(earlier: Mapping[str, Bins], database: Path, plan: Plan) -> list[Drift]:
    """Compare what a database holds with the histograms of an earlier run; the greatest drift first.

    Statistics that only one of the runs has, or that had no value, are left out.
    """
    with reading(database) as connection:
        now = recount(connection, plan, earlier)
    found = [_drift(column, earlier[column].counts, bins.counts) for column, bins in now.items()]
    return sorted((drift for drift in found if drift.before and drift.now), key=lambda drift: -drift.index)


def stability_index(before: Sequence[int], now: Sequence[int]) -> float:
    """Return the population stability index of two histograms over the same bins.

    The sum of `(q - p) ln(q / p)` over the shares p and q of each bin (Siddiqi, Credit Risk Scorecards, 2006). Bins
    that are empty in both do not count.
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
    """Return what chance alone seldom exceeds: the index over (1/n + 1/m) is nearly chi-squared distributed."""
    if free < 1:
        return 0.0
    spread = 2 / (9 * free)  # Wilson and Hilferty's cube
    return float(free * (1 - spread + _RARE * math.sqrt(spread)) ** 3 * (1 / before + 1 / now))


def _filled(before: Sequence[int], now: Sequence[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in zip(before, now, strict=True) if a or b]
