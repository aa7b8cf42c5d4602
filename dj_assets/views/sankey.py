"""The funnel as a flow from top to bottom: its width is the number of samples, what an operator drops turns aside."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from dj_assets.analysis.figures import percent
from dj_assets.analysis.funnel_chain import ChainLink
from dj_assets.home.run_manifest import FunnelStep
from dj_assets.views.svg import element, rectangle, text

WIDTH = 640.0
_BAND = 260.0
_LABEL = 330.0
_ROW, _TOP, _FOOTER = 40.0, 40.0, 34.0
# The height of the name of a subset between two funnels.
_NAME = 30.0
_ASIDE = 26.0
# The width of a letter, and of the space between two notes.
_LETTER, _GAP = 6.5, 14.0
# Any flow is visible, even that of one sample in millions.
_LEAST = 1.5
_STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#64707d;font-size:12px}
.t{font-weight:600;fill:#1c2733}.n{fill:#c2512f}.q{fill:#9a6700}.c{fill:#2e7d4f}
.r{stroke:#c9d1d9}
.flow-card{fill:#fff}.flow-kept{fill:#4a7ba6}.flow-lost{fill:#e07a55}.flow-odd{fill:#d9a93c}.flow-made{fill:#6cc18b}
"""
_SMALL_WIDTH, _SMALL_HEIGHT = 120.0, 36.0


def sankey_svg(steps: Sequence[FunnelStep]) -> str:
    """Return a self-contained picture of a funnel on a white card, `WIDTH` wide; `loading` may be the first step."""
    return _card(_flow(steps), _height(steps), _title(steps))


def sankey_figure(steps: Sequence[FunnelStep]) -> str:
    """Return the same for a page whose style sheet has the colours of the flow."""
    return _figure(_flow(steps), _height(steps), _title(steps))


def chain_svg(links: Sequence[ChainLink]) -> str:
    """Return a self-contained picture of the funnels of several subsets, each behind the one that it was made from."""
    return _card(_chain(links), _chain_height(links), _chain_title(links))


def chain_figure(links: Sequence[ChainLink]) -> str:
    """Return the same for a page whose style sheet has the colours of the flow."""
    return _figure(_chain(links), _chain_height(links), _chain_title(links))


def _card(parts: Sequence[str], size: float, title: str) -> str:
    return element(
        "svg",
        element("title", escape(title)),
        element("style", _STYLE.replace("\n", "")),
        rectangle(0, 0, WIDTH + 32, size, "flow-card"),
        element("g", *parts, transform="translate(16 0)"),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH + 32,
        height=size,
        viewBox=f"0 0 {WIDTH + 32:g} {size:g}",
        role="img",
    )


def _figure(parts: Sequence[str], size: float, title: str) -> str:
    return element("svg", *parts, viewBox=f"0 0 {WIDTH:g} {size:g}", class_="flow", role="img", aria_label=title)


def small_funnel(steps: Sequence[FunnelStep]) -> str:
    """Return the samples after every step as a small shape, for a card."""
    counts = [steps[0].samples_in, *(step.samples_out for step in steps)] if steps else [0]
    most = max(counts) or 1
    middle = _SMALL_HEIGHT / 2
    across = _SMALL_WIDTH / max(1, len(counts) - 1)
    upper = [(index * across, middle - count / most * middle) for index, count in enumerate(counts)]
    lower = [(x, _SMALL_HEIGHT - y) for x, y in reversed(upper)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in (*upper, *lower)) + "z"
    size = f"0 0 {_SMALL_WIDTH:g} {_SMALL_HEIGHT:g}"
    shape = element("path", d=path, class_="flow-kept")
    return element("svg", shape, viewBox=size, class_="small-flow", role="img", aria_label=_title(steps))


def _height(steps: Sequence[FunnelStep]) -> float:
    return _TOP + _ROW * len(steps) + _FOOTER


def _title(steps: Sequence[FunnelStep]) -> str:
    if not steps:
        return "Funnel without operators"
    ends = f"{steps[0].samples_in:,} samples in, {steps[-1].samples_out:,} kept"
    drops = [f"{step.operator} drops {step.dropped:,}" for step in steps if step.dropped]
    return ". ".join([ends, *drops])


def _chain_height(links: Sequence[ChainLink]) -> float:
    return _height([step for link in links for step in link.steps]) + _NAME * len(links)


def _chain_title(links: Sequence[ChainLink]) -> str:
    parts = [f"{link.subset}: {link.samples_in:,} samples in, {link.samples_out:,} kept" for link in links]
    return ". ".join(parts)


def _chain(links: Sequence[ChainLink]) -> list[str]:
    """Draw the funnels below each other, all to one scale, with the name of a subset above its first operator."""
    most = _most([step for link in links for step in link.steps])
    first, last = links[0].samples_in, links[-1].samples_out
    y = _TOP
    parts = [text(0, 18, f"{first:,} in", "t"), rectangle(0, 26, _width(first, most), _TOP - 26, "flow-kept")]
    for link in links:
        before = link.steps[0].samples_in if link.steps else link.samples_in
        parts += [
            rectangle(0, y, _width(before, most), _NAME, "flow-kept"),
            element("path", d=f"M{_LABEL:g} {y + 5:g}H{WIDTH:g}", class_="r"),
            text(_LABEL, y + 21, f"{link.subset}: {before:,} in", "t"),
        ]
        y += _NAME
        for step in link.steps:
            parts += _step(step, y, most)
            y += _ROW
    parts.append(rectangle(0, y, _width(last, most), 8, "flow-kept"))
    return [*parts, text(0, y + 26, f"{last:,} kept, {percent(last, first)} of {first:,}", "t")]


def _most(steps: Sequence[FunnelStep]) -> int:
    return max((max(step.samples_in, step.samples_out) for step in steps), default=0) or 1


def _flow(steps: Sequence[FunnelStep]) -> list[str]:
    most = _most(steps)
    first = steps[0].samples_in if steps else 0
    last = steps[-1].samples_out if steps else 0
    parts = [text(0, 18, f"{first:,} in", "t"), rectangle(0, 26, _width(first, most), _TOP - 26, "flow-kept")]
    for number, step in enumerate(steps):
        parts += _step(step, _TOP + number * _ROW, most)
    bottom = _TOP + len(steps) * _ROW
    parts.append(rectangle(0, bottom, _width(last, most), 8, "flow-kept"))
    return [*parts, text(0, bottom + 26, f"{last:,} kept, {percent(last, first)} of {first:,}", "t")]


def _step(step: FunnelStep, y: float, most: int) -> list[str]:
    before, after = _width(step.samples_in, most), _width(step.samples_out, most)
    lost = _width(step.dropped, most) if step.dropped else 0.0
    parts = [_band(before, after, y)]
    if step.dropped:
        parts.append(_aside(before, lost, y, "flow-lost"))
    if step.quarantined:
        parts.append(_aside(before - lost, _width(step.quarantined, most), y, "flow-odd"))
    if step.created and after > before:
        parts.append(element("path", d=f"M{before:g} {y:g}L{after:g} {y + _ROW:g}H{before:g}z", class_="flow-made"))
    notes = [
        (f"{step.dropped:,} dropped, {percent(step.dropped, step.samples_in)}", "n", step.dropped),
        (f"{step.quarantined:,} quarantined", "q", step.quarantined),
        (_made(step), "c", step.created + step.expanded + step.grouped),
    ]
    said = [(note, style) for note, style, number in notes if number]
    parts.append(text(_LABEL, y + 17, step.operator, "t" if said else ""))
    x = _LABEL
    for note, style in said:
        parts.append(text(x, y + 32, note, style))
        x += _LETTER * len(note) + _GAP
    return parts


def _made(step: FunnelStep) -> str:
    """Return how many samples an operator made, and how many these replace."""
    replaced = step.expanded + step.grouped
    return f"{replaced:,} replaced by {step.created:,}" if replaced else f"{step.created:,} created"


def _band(before: float, after: float, y: float) -> str:
    """Draw the samples that go on, with a smooth right edge."""
    end, middle = y + _ROW, y + _ROW / 2
    narrow = min(before, after)
    edge = f"C{before:g} {middle:g} {narrow:g} {middle:g} {narrow:g} {end:g}"
    return element("path", d=f"M0 {y:g}H{before:g}{edge}H0z", class_="flow-kept")


def _aside(right: float, width: float, y: float, style: str) -> str:
    """Draw the samples that leave: from the right edge of the band to the label."""
    top = y + 6
    target = min(max(_LEAST, width), _ROW - 12)
    left = max(0.0, right - width)
    upper = f"M{right:g} {y:g}C{right:g} {top:g} {right + _ASIDE:g} {top:g} {_LABEL - 12:g} {top:g}V{top + target:g}"
    lower = f"C{right:g} {top + target:g} {left:g} {top + target:g} {left:g} {y:g}z"
    return element("path", d=upper + lower, class_=style)


def _width(count: int, most: int) -> float:
    return round(max(_LEAST, count / most * _BAND), 1) if count else 0.0
