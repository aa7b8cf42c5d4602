"""One picture of the people in the clips of a run, for places that show no page: ribbons, and clips of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from dj_assets.analysis.people import ClipOfPeople
from dj_assets.views.svg import element, line, rectangle, text

WIDTH = 640.0
_LEFT, _RIGHT, _ROW, _MARGIN = 96.0, 560.0, 17.0, 16.0
# Characters of 12 pixels that fit next to a label.
_CHARACTERS = 74
_STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#64707d;font-size:12px}
.t{font-weight:600;fill:#1c2733}.k{fill:#1c2733}.card{fill:#fff}.rail{fill:#eef1f4}.seen{fill:#e07a55}
.speaks{fill:#4a7ba6}.axis{stroke:#c3cdd7}
"""


@dataclass
class _Sheet:
    """Rows that are drawn from top to bottom."""

    y: float = _MARGIN
    parts: list[str] = field(default_factory=list)

    def heading(self, content: str) -> None:
        """Write a title above the next rows."""
        self.y += 26
        self.parts.append(text(_MARGIN, self.y, content, "t"))
        self.y += 2

    def row(self, label: str, *parts: str) -> None:
        """Draw a row: its label, and parts that are drawn from the present `y` on."""
        self.y += _ROW
        self.parts += [text(_MARGIN, self.y, label, "k"), *parts]


def people_picture(clips: Mapping[ClipOfPeople, float], balance: Mapping[str, Mapping[str, int]]) -> str:
    """Return a self-contained SVG on a white card: the ribbons of some clips, then the number of clips of each kind.

    `clips` has the length of each clip in seconds, `balance` the number of clips of every kind.
    """
    sheet = _Sheet()
    for clip, seconds in clips.items():
        _clip(sheet, clip, seconds or 1.0)
    for name, counts in balance.items():
        _bars(sheet, name, counts)
    height = sheet.y + _MARGIN
    return element(
        "svg",
        element("title", escape("People in clips")),
        element("style", _STYLE.replace("\n", "")),
        rectangle(0, 0, WIDTH, height, "card"),
        *sheet.parts,
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=height,
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
    )


def _clip(sheet: _Sheet, clip: ClipOfPeople, end: float) -> None:
    sheet.heading(f"{clip.sample}, clip {clip.clip}: {clip.counted}, {end:.1f} s")
    for number, span in enumerate(clip.about.spans, 1):
        sheet.row(f"person {number}", *_bars_of(sheet, span, clip.spoken(number), end))
        if clip.speaks(number):
            sheet.parts.append(text(_RIGHT + 8, sheet.y, "speaks", "k"))
    for label, content in (("sound", clip.about.tag or "no tag"), ("words", clip.about.words or "none")):
        sheet.row(label, text(_LEFT, sheet.y + _ROW, _shortened(content), "k"))


def _bars(sheet: _Sheet, name: str, counts: Mapping[str, int]) -> None:
    """Draw a bar for every kind with a clip; the others are one line."""
    most = max(counts.values(), default=0) or 1
    sheet.heading(f"Clips by {name}")
    left = _LEFT + 160
    for label, count in counts.items():
        if count:
            sheet.row(_shortened(label, 36))
            sheet.parts.append(rectangle(left, sheet.y - 9, max(1.0, (_RIGHT - left) * count / most), 10, "seen"))
            sheet.parts.append(text(_RIGHT + 8, sheet.y, f"{count:,}", "k"))
    absent = sum(not count for count in counts.values())
    if absent:
        sheet.row(f"{absent} more without a clip")


def _bars_of(
    sheet: _Sheet, span: tuple[float, float], spoken: Sequence[tuple[float, float]], seconds: float
) -> list[str]:
    """Return the rail of a person, when it is seen, and when it speaks."""
    y, wide = sheet.y + _ROW - 9, _RIGHT - _LEFT
    parts = [rectangle(_LEFT, y, wide, 10, "rail")]
    for style, (start, until) in (("seen", span), *(("speaks", part) for part in spoken)):
        width = max(2.0, (until - start) / seconds * wide)
        parts.append(rectangle(_LEFT + start / seconds * wide, y, width, 10, style))
    return [*parts, line(_LEFT, y + 12, _RIGHT, y + 12, "axis")]


def _shortened(content: str, most: int = _CHARACTERS) -> str:
    return content if len(content) <= most else content[: most - 1] + "…"
