"""Rankings of pools and comparisons of benchmarks as tables for the terminal and for Dagster."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.analysis.figures import compact
from dj_assets.evaluation.comparison import Comparison, Difference
from dj_assets.sandbox.experiment import Round
from dj_assets.sandbox.ranking import Score

Row = dict[str, str]


def pool_rows(round_: Round) -> list[Row]:
    """Return one row for each pool: its size by rank and by value, and the number of samples that are drawn from it."""
    return [
        {
            "pool": entry.pool.name,
            "by rank": f"{entry.rank_count:,}",
            "by value": f"{entry.value_count:,}",
            "drawn": f"{entry.samples:,}" + (f" ×{entry.pool.repeat}" if entry.pool.repeat > 1 else ""),
        }
        for entry in round_.entries
    ]


def score_rows(scores: Sequence[Score]) -> list[Row]:
    """Return one row for each pool, best first: change against the baseline, runs, verdict."""
    return [
        {
            "pool": score.pool,
            "change": change(score),
            "runs": f"{score.runs}" + (f" ({len(score.missing)} missing)" if score.missing else ""),
            "verdict": score.verdict,
        }
        for score in scores
    ]


def change(score: Score) -> str:
    """Return "+7.4 ± 0.9 %"; a dash where there is no result."""
    if score.mean is None:
        return "–"
    mean = 0.0 if abs(score.mean) < 0.005 else score.mean
    spread = "" if score.deviation is None else f" ± {score.deviation:.2f}"
    return f"{mean:+.2f}{spread} %"


def difference_rows(comparison: Comparison) -> list[Row]:
    """Return one row for each benchmark: both values, the delta, the verdict; totals are last and have no verdict."""
    rows = [_difference(difference, difference.verdict) for difference in comparison.differences]
    return [*rows, *(_difference(difference, "total") for difference in comparison.totals)]


def wins_and_losses(comparison: Comparison) -> str:
    """Return "10 wins, 0 ties, 2 losses of 12"."""
    counts = [
        (comparison.count("win"), "wins"),
        (comparison.count("tie"), "ties"),
        (comparison.count("loss"), "losses"),
    ]
    return ", ".join(f"{number} {name}" for number, name in counts) + f" of {len(comparison.differences)}"


def _difference(difference: Difference, verdict: str) -> Row:
    relative = "" if difference.relative is None else f" ({100 * difference.relative:+.2f} %)"
    return {
        "benchmark": difference.benchmark
        + ("" if difference.higher_is_better else " ↓")
        + (f" [{difference.unit}]" if difference.unit else ""),
        "baseline": compact(difference.baseline),
        "value": compact(difference.value),
        "delta": f"{difference.delta:+g}{relative}",
        "verdict": verdict,
    }
