"""One panel of the distributions: a histogram with its thresholds, or the most frequent values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dj_assets.analysis.columns import StatColumn
from dj_assets.analysis.figures import compact, percent
from dj_assets.analysis.histograms import OUTCOMES, Frequencies, Histogram, Scale
from dj_assets.analysis.statistics import Summary
from dj_assets.operators.conditions import Range
from dj_assets.views.svg import element, line, rectangle, steps, text

WIDTH, HEIGHT = 260.0, 176.0
_TOP, _BOTTOM = 58.0, 154.0
_DEPTH = _BOTTOM - _TOP
# Every bar is visible, even for one sample in millions.
_LEAST = 1.2
_CHARACTER = 5.6
NAMES = 6

STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
text{fill:#64707d;font-size:11px}
.h{font-size:18px;font-weight:600;fill:#1c2733}.t{font-size:13px;font-weight:600;fill:#1c2733}
.f{font-size:12px;font-weight:600;fill:#c2512f}.z{font-size:12px;fill:#93a0ad}.l{fill:#a8452a;font-size:10.5px}
.e{text-anchor:end}.m{text-anchor:middle}.a{font-size:10.5px;fill:#7b8794}
.card{fill:#fff;stroke:#e3e8ee}.zone{fill:#fdf3ef}.rail{fill:#f1f4f7}
.kept{fill:#4a7ba6}.elsewhere{fill:#c3d2e0}.fails{fill:#e07a55}
.axis{stroke:#aab4bf;fill:none}.tick{stroke:#c9d1d9;fill:none}.cut{stroke:#c2512f;fill:none;stroke-dasharray:3 2}
"""


@dataclass(frozen=True)
class Panel:
    """The content of one panel; `shown` is None where the column has nothing to draw."""

    column: StatColumn
    summary: Summary
    shown: Histogram | Frequencies | None

    @property
    def bounds(self) -> Range | None:
        """Return the thresholds to draw, without a lower bound of 0 where no value can be below it."""
        bounds, least = self.column.bounds, self.summary.low
        if bounds is None or bounds.reversed or not bounds.low_closed or bounds.low is None or least is None:
            return bounds
        return replace(bounds, low=None) if bounds.low <= 0 <= least else bounds


def draw_panel(panel: Panel) -> str:
    """Return the panel as a group at the origin, `WIDTH` by `HEIGHT`."""
    if isinstance(panel.shown, Histogram):
        body = _histogram(panel.shown, panel.bounds)
    elif isinstance(panel.shown, Frequencies) and panel.shown.rows:
        body = _names(panel.shown, panel.summary.values)
    else:
        remark = "the range of the values is too large to draw" if panel.summary.finite else "no values"
        body = text(WIDTH / 2, (_TOP + _BOTTOM) / 2, remark, "z m") + line(0, _BOTTOM, WIDTH, _BOTTOM, "tick")
    return element("g", *_heading(panel), body)


def _heading(panel: Panel) -> list[str]:
    summary, column = panel.summary, panel.column
    judged = column.judged_by is not None and summary.samples > 0
    share = f"{percent(summary.fails, summary.samples)} fail" if judged else ""
    lines = [text(0, 14, column.name, "t"), text(0, 30, _about(panel), "a")]
    return [*lines, text(WIDTH, 14, share, "f e" if summary.fails else "z e")] if share else lines


def _about(panel: Panel) -> str:
    column, summary = panel.column, panel.summary
    parts = [column.statistic.unit, f"n = {summary.samples:,}"]
    if summary.values != summary.samples:
        parts.append(f"{summary.values:,} values")
    if column.is_numeric and summary.finite != summary.values:
        parts.append(f"{summary.values - summary.finite:,} not finite")
    if isinstance(panel.shown, Histogram) and panel.shown.scale.log:
        parts.append("log scale")
    return " · ".join(part for part in parts if part)


def _histogram(histogram: Histogram, bounds: Range | None) -> str:
    cuts = _cuts(histogram.scale, bounds)
    marks = [*_labels(cuts), *(line(cut.x, _TOP - 8, cut.x, _BOTTOM, "cut") for cut in cuts if cut.inside)]
    return "".join([*_zones(cuts, bounds), *_bars(histogram), *marks, *_axis(histogram.scale)])


def _bars(histogram: Histogram) -> list[str]:
    """Stack the outcomes: kept below, dropped elsewhere above it, failing on top."""
    tallest = histogram.tallest or 1
    floor = [_BOTTOM] * histogram.scale.bins
    areas = []
    for outcome in OUTCOMES:
        tops = [
            bottom - (max(_LEAST, count / tallest * _DEPTH) if count else 0)
            for bottom, count in zip(floor, histogram.counts[outcome], strict=True)
        ]
        areas.append(steps(0, WIDTH, floor, tops, outcome))
        floor = tops
    return areas


@dataclass(frozen=True)
class _Cut:
    """A threshold: its position, its label, and whether the axis reaches it."""

    x: float
    label: str
    inside: bool


def _cuts(scale: Scale, bounds: Range | None) -> list[_Cut]:
    if bounds is None:
        return []
    # a reversed range has its closed flags reversed, too
    low_sign = "≥" if bounds.low_closed != bounds.reversed else ">"
    high_sign = "≤" if bounds.high_closed != bounds.reversed else "<"
    turned = "not " if bounds.reversed else ""
    pairs = [(bounds.low, low_sign), (bounds.high, high_sign)]
    return [
        _Cut(scale.position(limit) * WIDTH, f"{turned}{sign} {compact(limit)}", scale.low <= limit <= scale.high)
        for limit, sign in pairs
        if limit is not None
    ]


def _labels(cuts: Sequence[_Cut]) -> list[str]:
    """Write every threshold above its line, without crossing the edge or another label."""
    halves = [len(cut.label) * _CHARACTER / 2 for cut in cuts]
    centres, free = [], 0.0
    for cut, half in zip(cuts, halves, strict=True):
        centres.append(max(cut.x, free + half))
        free = centres[-1] + half + 8
    room = float(WIDTH)
    for number in reversed(range(len(cuts))):
        centres[number] = min(centres[number], room - halves[number])
        room = centres[number] - halves[number] - 8
    return [_centred(x, _TOP - 12, cut.label, "l") for x, cut in zip(centres, cuts, strict=True)]


def _centred(x: float, y: float, content: str, style: str) -> str:
    """Write a label centred at `x`, or flush with the edge that it would cross; its width is an estimate."""
    half = len(content) * _CHARACTER / 2
    if x + half > WIDTH:
        return text(WIDTH, y, content, f"{style} e")
    return text(0, y, content, style) if x < half else text(x, y, content, f"{style} m")


def _zones(cuts: Sequence[_Cut], bounds: Range | None) -> list[str]:
    """Tint the zones where samples fail, so that a reader finds even a few samples."""
    if bounds is None:
        return []
    if bounds.reversed:
        ends = [cut.x for cut in cuts]
        spans = [(ends[0] if bounds.low is not None else 0.0, ends[-1] if bounds.high is not None else WIDTH)]
    else:
        below = [(0.0, cuts[0].x)] if bounds.low is not None else []
        spans = below + ([(cuts[-1].x, WIDTH)] if bounds.high is not None else [])
    return [rectangle(a, _TOP - 8, b - a, _DEPTH + 8, "zone") for a, b in spans if b - a > 0.5]


def _axis(scale: Scale) -> list[str]:
    marks = [line(0, _BOTTOM, WIDTH, _BOTTOM, "axis")]
    free = 0.0
    for value in ticks(scale):
        label, x = compact(value), scale.position(value) * WIDTH
        half = len(label) * _CHARACTER / 2
        marks.append(line(x, _BOTTOM, x, _BOTTOM + 4, "axis"))
        if x - half >= free or not free:
            marks.append(_centred(x, _BOTTOM + 16, label, "a"))
            free = max(x, half) + half + 8
    return marks


def ticks(scale: Scale) -> list[float]:
    """Return round values on an axis: at most six, at least one where it has room for one."""
    return _log_ticks(scale) if scale.log else _linear_ticks(scale)


def _linear_ticks(scale: Scale) -> list[float]:
    raw = (scale.high - scale.low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= raw), 10 * power)
    if scale.high - scale.low == scale.bins:
        step = max(1.0, math.ceil(step))
    first = math.ceil(scale.low / step)
    return [round(n * step, 12) for n in range(first, math.floor(scale.high / step + 1e-9) + 1)]


def _log_ticks(scale: Scale) -> list[float]:
    low, high = math.log10(scale.low), math.log10(scale.high)
    factors = (1, 2, 5) if high - low < 2 else (1,)
    every = max(1, math.ceil((high - low) / 6))
    powers = range(math.floor(low), math.ceil(high) + 1, every)
    values = [factor * 10.0**power for power in powers for factor in factors]
    return [value for value in values if scale.low <= value <= scale.high]


def _names(frequencies: Frequencies, total: int) -> str:
    most = max(sum(outcomes.values()) for _, outcomes in frequencies.rows)
    rows = []
    for number, (name, outcomes) in enumerate(frequencies.rows):
        y = _TOP - 14 + number * 18
        rows += [text(0, y + 10, _shortened(name), "a"), *_name_bar(y, outcomes, most)]
        rows.append(text(WIDTH, y + 10, percent(sum(outcomes.values()), total), "a e"))
    if frequencies.others:
        rows.append(text(62, _TOP - 4 + len(frequencies.rows) * 18, f"and {frequencies.others:,} more", "a"))
    return "".join(rows)


def _name_bar(y: float, outcomes: dict[str, int], most: int) -> list[str]:
    left, width = 62.0, WIDTH - 62 - 52
    bars = [rectangle(left, y, width, 12, "rail")]
    for outcome in OUTCOMES:
        if outcomes[outcome]:
            length = max(_LEAST, outcomes[outcome] / most * width)
            bars.append(rectangle(left, y, length, 12, outcome))
            left += length
    return bars


def _shortened(name: str) -> str:
    return name if len(name) <= 9 else name[:8] + "…"
