"""Scores of pools: the relative change against the random baseline, over seeds, and whether it is a difference."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dj_assets.sandbox.hook_file import Metric
from dj_assets.sandbox.pools import Third

# A change of fewer standard deviations than this is no difference.
DEVIATIONS = 2.0

Verdict = Literal["better", "worse", "no difference", "one run", "baseline", "no result"]


@dataclass(frozen=True)
class Score:
    """The score of a pool: the weighted mean of the metrics' relative changes, in percent; positive is better.

    `mean` and `deviation` are over the runs with a result; None without a result, for `deviation` also with one. The
    values of `metrics` are means without weights. `missing` has the reason for every seed without a result.
    """

    pool: str
    mean: float | None
    deviation: float | None
    runs: int
    verdict: Verdict
    metrics: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """The results of one pool by seed: numbers by metric, or the reason why there are none."""

    numbers: Mapping[int, Mapping[str, float]]
    missing: Mapping[int, str]


def rank(results: Mapping[str, Results], baseline: str, metrics: Mapping[str, Metric]) -> list[Score]:
    """Return the pools of one round, best first; those without a result are last.

    A metric counts as (pool - baseline) / |baseline|, with the opposite sign where lower is better; the baseline is
    the mean of its runs. Where that mean is 0, a relative change is not defined and the metric does not count. A pool
    differs where its mean is two standard deviations or more from the mean of the baseline. The larger of the two
    deviations counts, because one deviation over three runs is a poor estimate.
    """
    base = _means(results[baseline], metrics) if baseline in results else {}
    counted = {name: metric for name, metric in metrics.items() if base.get(name)}
    changes = {pool: _changes(results_of_pool, base, counted) for pool, results_of_pool in results.items()}
    spread = _deviation(changes.get(baseline, []))
    scores = [
        Score(
            pool=pool,
            mean=statistics.fmean(changes[pool]) if changes[pool] else None,
            deviation=_deviation(changes[pool]),
            runs=len(changes[pool]),
            verdict=_verdict(changes[pool], spread, is_baseline=pool == baseline),
            metrics=_means(results_of_pool, metrics),
            missing=dict(results_of_pool.missing),
        )
        for pool, results_of_pool in results.items()
    ]
    return sorted(scores, key=lambda score: (score.mean is None, -(score.mean or 0.0)))


def best_thirds(
    scores: Sequence[Score],
    thirds: Mapping[str, Third],
    correlations: Mapping[tuple[str, str], float | None],
    most: int,
    max_correlation: float = 1.0,
) -> list[Third]:
    """Return the best third of each of the best statistics, best first.

    A statistic ranks by its best third, and counts where that is better than the baseline. A statistic whose absolute
    correlation with one chosen before is above `max_correlation` is left out.
    """
    chosen: dict[str, Third] = {}
    for score in scores:
        third = thirds.get(score.pool)
        if third is None or third.statistic in chosen or score.verdict not in {"better", "one run"}:
            continue
        if (score.mean or 0.0) <= 0 or len(chosen) == most:
            continue
        near = (correlations.get(pair) for other in chosen for pair in _pairs(third.statistic, other))
        if all(abs(r or 0.0) <= max_correlation for r in near):
            chosen[third.statistic] = third
    return list(chosen.values())


def _pairs(a: str, b: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (a, b), (b, a)


def _means(results: Results, metrics: Mapping[str, Metric]) -> dict[str, float]:
    metrics_of_runs = results.numbers.values()
    return (
        {name: statistics.fmean(numbers[name] for numbers in metrics_of_runs) for name in metrics}
        if metrics_of_runs
        else {}
    )


def _changes(results: Results, base: Mapping[str, float], metrics: Mapping[str, Metric]) -> list[float]:
    """Return the score of every run in percent, in the order of the seeds."""
    weight = sum(metric.weight for metric in metrics.values())
    if not weight:
        return []
    return [
        100
        * sum(
            metric.weight * (1 if metric.higher_is_better else -1) * (numbers[name] - base[name]) / abs(base[name])
            for name, metric in metrics.items()
        )
        / weight
        for _, numbers in sorted(results.numbers.items())
    ]


def _deviation(changes: Sequence[float]) -> float | None:
    return statistics.stdev(changes) if len(changes) > 1 else None


def _verdict(changes: Sequence[float], spread: float | None, *, is_baseline: bool) -> Verdict:
    if not changes:
        return "no result"
    if is_baseline:
        return "baseline"
    deviation = _deviation(changes)
    if spread is None or deviation is None:
        return "one run"
    mean = statistics.fmean(changes)
    if abs(mean) < DEVIATIONS * max(spread, deviation):
        return "no difference"
    return "better" if mean > 0 else "worse"
