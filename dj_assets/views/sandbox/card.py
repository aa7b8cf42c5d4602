"""Shared parts of a sandbox's pictures: a white card with a heading, and colours for better and worse."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.views.svg import element, rectangle, text

WIDTH = 900
MARGIN = 28.0
TOP = 72.0
_CHARACTER = 6.0
# Better is blue, worse is orange: colour-blind readers distinguish them, too.
_BETTER, _WORSE, _NONE = (44, 106, 160), (201, 92, 52), (241, 244, 247)
# The text on colours stronger than this share is white.
_DARK = 0.55

_STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
text{fill:#64707d;font-size:12px}
.h{font-size:18px;font-weight:600;fill:#1c2733}.t{font-size:12.5px;font-weight:600;fill:#1c2733}
.m{text-anchor:middle}.e{text-anchor:end}.a{font-size:10.5px;fill:#7b8794}.d{fill:#1c2733}.w{fill:#fff}
.better{fill:#1f5f96;font-weight:600}.worse{fill:#b0481f;font-weight:600}
.card{fill:#fff;stroke:#e3e8ee}.cell{stroke:#fff;stroke-width:2}.none{fill:#f7f9fb;stroke:#c9d1d9;stroke-dasharray:3 2}
.axis{stroke:#aab4bf;fill:none}.rule{stroke:#e3e8ee;fill:none}
.p{fill:none;stroke-linecap:round;stroke-width:8}.dotp{stroke:#cfd8e1;stroke-width:6}.basep{stroke:#1c2733}
.lowp{stroke:#e0a458;stroke-width:10}.midp{stroke:#7b8794;stroke-width:10}.highp{stroke:#2c6aa0;stroke-width:10}
"""


def card(heading: str, about: Sequence[str], body: Sequence[str], height: float, width: float = WIDTH) -> str:
    """Return a picture: a heading, a line that describes the content, the body below `TOP`."""
    return element(
        "svg",
        element("style", _STYLE),
        rectangle(0.5, 0.5, width - 1, height - 1, "card", rx=8),
        text(MARGIN, 34, heading, "h"),
        text(MARGIN, 54, " · ".join(part for part in about if part), "a"),
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
    )


def shade(share: float) -> str:
    """Return the colour of a share from -1, worse, over 0 to 1, better."""
    strength = min(1.0, abs(share))
    strong = _BETTER if share > 0 else _WORSE
    mixed = (round(a + (b - a) * strength) for a, b in zip(_NONE, strong, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def ink(share: float) -> str:
    """Return the class of text that is readable on a shade."""
    return "w" if abs(share) > _DARK else "d"


def shortened(name: str, width: float) -> str:
    """Return a name that fits into `width` pixels; the end of a longer one is cut."""
    room = max(2, int(width / _CHARACTER))
    return name if len(name) <= room else name[: room - 1] + "…"
