"""SVG elements as text, with escaped content and short coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr


def element(name: str, *children: str, **attributes: str | float) -> str:
    """Return an element; children are markup, underscores in attribute names become hyphens."""
    given = "".join(f" {_attribute(key)}={quoteattr(_short(value))}" for key, value in attributes.items())
    return f"<{name}{given}>{''.join(children)}</{name}>" if children else f"<{name}{given}/>"


def text(x: float, y: float, content: str, style: str, **attributes: str | float) -> str:
    """Return a line of text in a class of the style sheet, with its baseline at `y`."""
    return element("text", escape(_printable(content)), x=x, y=y, class_=style, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a straight line."""
    return element("path", d=f"M{_short(x1)} {_short(y1)}L{_short(x2)} {_short(y2)}", class_=style)


def rectangle(x: float, y: float, width: float, height: float, style: str, **attributes: str | float) -> str:
    """Return a rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, class_=style, **attributes)


def steps(left: float, width: float, bottoms: Sequence[float], tops: Sequence[float], style: str) -> str:
    """Return the area between two step curves of equal length, as one path without a seam between bins."""
    bin_width = width / len(tops)
    path: list[str] = []
    number = 0
    while number < len(tops):
        if tops[number] >= bottoms[number]:
            number += 1
            continue
        start = number
        while number < len(tops) and tops[number] < bottoms[number]:
            number += 1
        path.append(_run(left + start * bin_width, bin_width, bottoms[start:number], tops[start:number]))
    return element("path", d="".join(path), class_=style) if path else ""


def _run(left: float, bin_width: float, bottoms: Sequence[float], tops: Sequence[float]) -> str:
    """Return a closed outline: along the tops, then back along the bottoms."""
    there = "".join(f"V{_short(top)}H{_short(left + (n + 1) * bin_width)}" for n, top in enumerate(tops))
    back = "".join(
        f"V{_short(bottoms[n])}" + (f"H{_short(left + n * bin_width)}" if n else "")
        for n in reversed(range(len(bottoms)))
    )
    return f"M{_short(left)} {_short(bottoms[0])}{there}{back}z"


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _short(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 1):g}"


def _printable(content: str) -> str:
    """Drop characters that XML cannot hold: control characters and lone surrogates."""
    return "".join(c if c.isprintable() else " " for c in content)
