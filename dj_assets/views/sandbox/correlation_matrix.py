"""The matrix of correlations between statistics, similar ones next to each other, and with the pools' scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dj_assets.views.sandbox.card import MARGIN, TOP, WIDTH, card, ink, shade, shortened
from dj_assets.views.svg import rectangle, text

Correlations = Mapping[tuple[str, str], float | None]
MOST = 24
_NAME, _WIDEST, _GAP = 190.0, 56.0, 14.0


def correlation_matrix_svg(
    between: Correlations,
    with_score: Mapping[str, float | None],
    statistics: Sequence[str],
    subset: str,
    most: int = MOST,
) -> str:
    """Draw Pearson's r of every pair of statistics over samples, and of each with the score over pools.

    Each statistic is next to the one that it correlates with most strongly. With more than 24 statistics, the last are
    left out.
    """
    ordered = neighbours(between, statistics)[: min(most, MOST)]
    size = min(_WIDEST, (WIDTH - 2 * MARGIN - _NAME - _GAP) / (len(ordered) + 1))
    body: list[str] = []
    for line, row in enumerate(ordered):
        y = TOP + 22 + line * size
        body.append(text(MARGIN, y + size / 2 + 4, f"{line + 1}  {shortened(row, _NAME - 30)}", "t"))
        for index, column in enumerate(ordered):
            r = 1.0 if row == column else _r(between, row, column)
            body += _cell(MARGIN + _NAME + index * size, y, size, r)
        body += _cell(MARGIN + _NAME + len(ordered) * size + _GAP, y, size, with_score.get(row))
    for index in range(len(ordered)):
        body.append(text(MARGIN + _NAME + (index + 0.5) * size, TOP + 14, f"{index + 1}", "a m"))
    body.append(text(MARGIN + _NAME + (len(ordered) + 0.5) * size + _GAP, TOP + 14, "score", "t m"))
    left_out = len(statistics) - len(ordered)
    about = [
        "Pearson's r over samples; last column over pools, between a pool's mean and its change",
        f"{left_out} left out" if left_out else "",
    ]
    return card(f"Correlations of statistics: {subset}", about, body, TOP + 22 + len(ordered) * size + 24)


def neighbours(between: Correlations, statistics: Sequence[str]) -> list[str]:
    """Return the statistics in an order where each is followed by the remaining one with the strongest correlation."""
    left = list(statistics)
    ordered: list[str] = left[:1]
    del left[:1]
    while left:
        nearest = max(left, key=lambda other: abs(_r(between, ordered[-1], other) or 0.0))
        left.remove(nearest)
        ordered.append(nearest)
    return ordered


def _r(between: Correlations, row: str, column: str) -> float | None:
    return between.get((row, column), between.get((column, row)))


def _cell(x: float, y: float, size: float, r: float | None) -> list[str]:
    if r is None:
        return [rectangle(x + 1, y + 1, size - 2, size - 2, "none")]
    box = rectangle(x, y, size, size, "cell", fill=shade(r))
    label = f"{r:.2f}".replace("0.", ".") if abs(r) < 1 else f"{r:.0f}"
    return [box, text(x + size / 2, y + size / 2 + 4, label, f"a m {ink(r)}")]
