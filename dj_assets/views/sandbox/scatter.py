"""Every statistic against the scores of the pools: small multiples with one dot for each pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dj_assets.analysis.figures import compact
from dj_assets.sandbox.experiment import Round
from dj_assets.sandbox.ranking import Score
from dj_assets.views.sandbox.card import MARGIN, TOP, WIDTH, card, shortened
from dj_assets.views.svg import element, line, text

MOST = 9
_ACROSS, _GAP, _HEIGHT, _PAD = 3, 26.0, 190.0, 12.0
_PANEL = (WIDTH - 2 * MARGIN - (_ACROSS - 1) * _GAP) / _ACROSS
_DEPTH = 120.0
_ORDER = ("dot", "base", "mid", "low", "high")


def scatter_svg(
    probe: Round, scores: Sequence[Score], with_score: Mapping[str, float | None], subset: str, most: int = MOST
) -> str:
    """Draw, for the statistics whose pool means correlate most strongly with the change, a dot for every pool.

    The three thirds of the statistic itself are coloured; black is the random pool.
    """
    changes = {score.pool: score.mean for score in scores if score.mean is not None}
    ranked = sorted(with_score, key=lambda name: -abs(with_score[name] or 0.0))[: min(most, MOST)]
    low, high = min(changes.values(), default=0.0), max(changes.values(), default=1.0)
    body: list[str] = []
    for number, statistic in enumerate(ranked):
        x = MARGIN + (number % _ACROSS) * (_PANEL + _GAP)
        y = TOP + (number // _ACROSS) * _HEIGHT
        r = with_score[statistic]
        note = "r is not defined" if r is None else f"r = {r:.2f}"
        body.append(text(x, y + 14, shortened(statistic, _PANEL - 70), "t"))
        body.append(text(x + _PANEL, y + 14, note, "a e"))
        body += _panel((x, y + 26), statistic, probe, changes, (low, high))
    height = TOP + -(-len(ranked) // _ACROSS) * _HEIGHT + 10
    about = [
        "one dot per pool: its mean of the statistic, and its change against random pools",
        "orange low, grey mid, blue high third, black random",
    ]
    return card(f"Statistics against the metric: {subset}", about, body, height)


def _panel(
    at: tuple[float, float], statistic: str, probe: Round, changes: Mapping[str, float], span: tuple[float, float]
) -> list[str]:
    x, y = at
    points = [
        (mean, changes[entry.pool.name], entry)
        for entry in probe.entries
        if entry.pool.name in changes and (mean := entry.means.get(statistic)) is not None
    ]
    left, right = min((p[0] for p in points), default=0.0), max((p[0] for p in points), default=1.0)
    drawn = [line(x, y + _DEPTH, x + _PANEL, y + _DEPTH, "axis"), line(x, y, x, y + _DEPTH, "axis")]
    if span[0] < 0 < span[1]:
        zero = y + _place(0.0, span[1], span[0], _DEPTH)
        drawn.append(line(x, zero, x + _PANEL, zero, "rule"))
    dots: dict[str, list[str]] = {}
    for mean, value, entry in points:
        parts = [third.part for third in entry.pool.thirds if third.statistic == statistic]
        style = parts[0] if parts else "base" if entry.pool.name == probe.baseline else "dot"
        cx, cy = x + _place(mean, left, right, _PANEL), y + _place(value, span[1], span[0], _DEPTH)
        dots.setdefault(style, []).append(f"M{cx:.0f} {cy:.0f}h0")
    # a class of dots is one path with round ends, so that a picture of many pools stays small
    drawn += [element("path", d="".join(dots[style]), class_=f"p {style}p") for style in _ORDER if style in dots]
    drawn += [text(x, y + _DEPTH + 15, compact(left), "a"), text(x + _PANEL, y + _DEPTH + 15, compact(right), "a e")]
    drawn += [text(x + 4, y + 9, f"{span[1]:+.1f} %", "a"), text(x + 4, y + _DEPTH - 4, f"{span[0]:+.1f} %", "a")]
    return drawn


def _place(value: float, low: float, high: float, room: float) -> float:
    share = (value - low) / (high - low) if high != low else 0.5
    return _PAD + share * (room - 2 * _PAD)
