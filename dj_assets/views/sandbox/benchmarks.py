"""The benchmark table of a subset: one column per model, coloured deltas, published and measured values separate."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.analysis.figures import compact
from dj_assets.evaluation.comparison import Comparison, Difference
from dj_assets.views.sandbox.card import MARGIN, TOP, WIDTH, card, shortened
from dj_assets.views.sandbox.tables import wins_and_losses
from dj_assets.views.svg import line, text

MOST_MODELS = 3
_NAME, _ROW = 200.0, 22.0
_STYLES = {"win": "better", "loss": "worse", "tie": ""}


def benchmarks_svg(comparisons: Sequence[Comparison], subset: str) -> str:
    """Draw both values and the delta of every benchmark, for the last three comparisons.

    An arrow after a name means that lower is better. Totals are below; they neither win nor lose.
    """
    shown = list(comparisons)[-MOST_MODELS:]
    width = (WIDTH - 2 * MARGIN - _NAME) / max(1, len(shown))
    names = list(dict.fromkeys(difference.benchmark for comparison in shown for difference in comparison.differences))
    totals = list(dict.fromkeys(difference.benchmark for comparison in shown for difference in comparison.totals))
    body: list[str] = []
    for index, comparison in enumerate(shown):
        body += _column(MARGIN + _NAME + index * width, width, comparison, names, totals)
    for number, name in enumerate([*names, *totals]):
        y = _line(number, len(names))
        body.append(text(MARGIN, y, shortened(_labelled(name, shown), _NAME), "d"))
        body.append(line(MARGIN, y + 6, WIDTH - MARGIN, y + 6, "rule"))
    left_out = len(comparisons) - len(shown)
    about = ["baseline, value, delta", f"{left_out} earlier comparisons left out" if left_out else ""]
    return card(f"Benchmark results: {subset}", about, body, _line(len(names) + len(totals), len(names)) + 18)


def _column(x: float, width: float, comparison: Comparison, names: Sequence[str], totals: Sequence[str]) -> list[str]:
    differences = {difference.benchmark: difference for difference in (*comparison.differences, *comparison.totals)}
    cells = [
        text(x + 10, TOP + 12, shortened(comparison.model, width - 16), "t"),
        text(x + 10, TOP + 28, shortened(f"{comparison.standing}, against {comparison.baseline}", width + 40), "a"),
        text(x + 10, TOP + 44, wins_and_losses(comparison), "a"),
    ]
    for number, name in enumerate([*names, *totals]):
        if name in differences:
            cells += _cells(x, _line(number, len(names)), width, differences[name], is_total=name in totals)
    return cells


def _cells(x: float, y: float, width: float, difference: Difference, *, is_total: bool) -> list[str]:
    style = "d" if is_total else _STYLES[difference.verdict]
    return [
        text(x + 0.3 * width, y, compact(difference.baseline), "e"),
        text(x + 0.6 * width, y, compact(difference.value), "e d"),
        text(x + 0.95 * width, y, f"{difference.delta:+g}" if difference.delta else "±0", f"e {style}"),
    ]


def _line(number: int, benchmarks: int) -> float:
    """Return the vertical position of a line; totals have a small gap above them."""
    return TOP + 72 + number * _ROW + (10 if number >= benchmarks else 0)


def _labelled(name: str, comparisons: Sequence[Comparison]) -> str:
    every = (difference for comparison in comparisons for difference in (*comparison.differences, *comparison.totals))
    difference = next(difference for difference in every if difference.benchmark == name)
    return (
        name
        + ("" if difference.higher_is_better else " ↓")
        + (f"  [{difference.unit}]" if difference.unit and difference.unit != "%" else "")
    )
