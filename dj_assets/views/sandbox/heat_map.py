"""The heat map of a probe: the three thirds of every statistic against the random pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dj_assets.sandbox.experiment import Round
from dj_assets.sandbox.pools import PARTS
from dj_assets.sandbox.ranking import Score
from dj_assets.views.sandbox.card import MARGIN, TOP, card, ink, shade, shortened
from dj_assets.views.sandbox.tables import change
from dj_assets.views.svg import rectangle, text

_NAME, _CELL, _ROW, _HEAD = 220.0, 176.0, 40.0, 24.0


def heat_map_svg(probe: Round, scores: Sequence[Score], subset: str, most: int = 30) -> str:
    """Draw every third's change against the random pool, with its deviation; at most `most` statistics, best first.

    A cell without a difference is pale with a dashed edge; a cell without a result is empty.
    """
    by_pool = {score.pool: score for score in scores}
    thirds = {e.pool.name: e.pool.thirds[0] for e in probe.entries if e.pool.thirds}
    rows: dict[str, dict[str, Score]] = {}
    for name, third in thirds.items():
        rows.setdefault(third.statistic, {})[third.part] = by_pool[name]
    ranked = sorted(rows, key=lambda statistic: -_best(rows[statistic]))
    strongest = max((abs(score.mean or 0.0) for score in scores), default=0.0) or 1.0
    body = [text(MARGIN + _NAME + (n + 0.5) * _CELL, TOP + 12, f"{part} third", "t m") for n, part in enumerate(PARTS)]
    for number, statistic in enumerate(ranked[:most]):
        y = TOP + _HEAD + number * _ROW
        body.append(text(MARGIN, y + 25, shortened(statistic, _NAME - 12), "t"))
        for index, part in enumerate(PARTS):
            body += _cell(MARGIN + _NAME + index * _CELL, y, rows[statistic].get(part), strongest)
    left_out = len(ranked) - most
    about = [
        f"change against {probe.baseline} pools, mean and standard deviation over runs",
        f"{probe.size:,} samples a pool",
        "dashed: no difference",
        f"{left_out} statistics left out" if left_out > 0 else "",
    ]
    height = TOP + _HEAD + min(len(ranked), most) * _ROW + 20
    return card(f"Change by third of a statistic: {subset}", about, body, height)


def _best(parts: Mapping[str, Score]) -> float:
    return max((score.mean for score in parts.values() if score.mean is not None), default=float("-inf"))


def _cell(x: float, y: float, score: Score | None, strongest: float) -> list[str]:
    if score is None or score.mean is None:
        note = "no result" if score else ""
        return [rectangle(x + 1, y + 1, _CELL - 2, _ROW - 2, "none"), text(x + _CELL / 2, y + 25, note, "a m")]
    if score.verdict == "no difference":
        box = rectangle(x + 1.5, y + 1.5, _CELL - 3, _ROW - 3, "none")
        return [box, text(x + _CELL / 2, y + 25, change(score), "m")]
    share = score.mean / strongest
    few = f"  (n = {score.runs})" if score.missing else ""
    return [
        rectangle(x, y, _CELL, _ROW, "cell", fill=shade(share)),
        text(x + _CELL / 2, y + 25, change(score) + few, f"m {ink(share)}"),
    ]
