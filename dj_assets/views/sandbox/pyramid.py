"""The pyramid of combined thirds: the intersection of all at the top, with sizes and scores."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.sandbox.experiment import TOP as PREFIX
from dj_assets.sandbox.experiment import Round
from dj_assets.sandbox.ranking import Score
from dj_assets.views.sandbox.card import MARGIN, TOP, WIDTH, card, ink, shade, shortened
from dj_assets.views.sandbox.tables import change
from dj_assets.views.svg import rectangle, text

_ROW, _GAP, _WIDEST, _ROOM_FOR_NAMES = 78.0, 10.0, 300.0, 130.0


def pyramid_svg(combined: Round, scores: Sequence[Score], subset: str) -> str:
    """Draw every intersection of the combined thirds, those of most thirds at the top: size, change, deviation.

    Scores are of pools of one size, whatever the shown sizes. Repetitions and levels of the pyramid are below.
    """
    known = {score.pool: score for score in scores}
    levels: dict[int, list[str]] = {}
    for name in combined.sizes:
        levels.setdefault(name.count("+") + 1, []).append(name)
    strongest = max((abs(score.mean or 0.0) for score in scores), default=0.0) or 1.0
    body: list[str] = []
    for row, level in enumerate(sorted(levels, reverse=True)):
        names = levels[level]
        width = min(_WIDEST, (WIDTH - 2 * MARGIN - (len(names) - 1) * _GAP) / len(names))
        left = (WIDTH - len(names) * width - (len(names) - 1) * _GAP) / 2
        for index, name in enumerate(names):
            box = (left + index * (width + _GAP), TOP + 8 + row * _ROW, width)
            body += _box(box, name.removeprefix(PREFIX), combined.sizes[name], known.get(name), strongest)
    below = TOP + 8 + len(levels) * _ROW + 14
    others = [score for score in scores if score.pool not in combined.sizes]
    for number, score in enumerate(others):
        body.append(text(MARGIN, below + number * 20, score.pool.removeprefix(PREFIX), "t"))
        body.append(text(MARGIN + 220, below + number * 20, f"{change(score)}   {score.verdict}", "d"))
    about = [f"scores at {combined.size:,} samples per pool, against {combined.baseline.removeprefix(PREFIX)} pools"]
    few = [name for name in combined.without if name in combined.sizes]
    about += [f"{len(few)} too small to train on"] if few else []
    return card(f"Thirds combined: {subset}", about, body, below + len(others) * 20 + 8)


def _box(box: tuple[float, float, float], name: str, size: int, score: Score | None, strongest: float) -> list[str]:
    x, y, width = box
    height, middle = _ROW - 14, x + width / 2
    scored = score is not None and score.mean is not None
    share = (score.mean or 0.0) / strongest if score else 0.0
    pale = not scored or (score is not None and score.verdict == "no difference")
    colour = "d" if pale else ink(share)
    frame = (
        rectangle(x, y, width, height, "none", rx=6)
        if pale
        else rectangle(x, y, width, height, "cell", rx=6, fill=shade(share))
    )
    note = change(score) if score else "not trained"
    if width < _ROOM_FOR_NAMES:
        short = f"{score.mean:+.1f}" if score and score.mean is not None else "–"
        return [frame, text(middle, y + 28, f"{size:,}", f"m {colour}"), text(middle, y + 46, short, f"a m {colour}")]
    names = [shortened(part, width - 12) for part in name.split("+")]
    label = shortened(" + ".join(names), width - 8)
    return [
        frame,
        text(middle, y + 19, label, f"a m {colour}"),
        text(middle, y + 37, f"{size:,} samples", f"m {colour}"),
        text(middle, y + 54, note, f"a m {colour}"),
    ]
