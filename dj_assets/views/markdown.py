"""Tables and pictures as Markdown with at most a given number of bytes; the end is cut, with a note."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from dj_assets.analysis.figures import compact

# An event in Dagster's storage should not be larger; this leaves room for everything except the pictures.
EVENT_BYTES = 64_000

Cell = str | int | float | None


def table_markdown(rows: Sequence[Mapping[str, Cell]], limit_bytes: int = 16_000) -> str:
    """Return rows as a Markdown table with the columns of the first row; numbers are aligned to the right.

    Rows beyond the limit are cut from the end, and a last line counts them. No rows give an empty string.
    """
    if not rows:
        return ""
    names = list(rows[0])
    rule = ["---:" if _is_number(rows[0][name]) else ":---" for name in names]
    head = [_line(names), _line(rule)]
    lines = [_line([_cell(row.get(name)) for name in names]) for row in rows]
    for shown in range(len(lines), -1, -1):
        missing = len(lines) - shown
        text = "\n".join([*head, *lines[:shown], *([f"\n… and {missing:,} more rows"] if missing else [])])
        if len(text.encode()) <= limit_bytes:
            break
    return text


def embed_svg(svg: str, limit_bytes: int = 56_000, title: str = "distributions") -> str:
    """Return an SVG as an image in Markdown, or a sentence where the image is larger than the limit."""
    return _image(title, "image/svg+xml", svg.encode(), limit_bytes)


def embed_png(png: bytes, limit_bytes: int = 1000, title: str = "funnel") -> str:
    """Return a PNG as an image in Markdown, or a sentence; Dagster shows fewer than 1000 characters inline."""
    return _image(title, "image/png", png, limit_bytes)


def _image(title: str, media_type: str, content: bytes, limit_bytes: int) -> str:
    image = f"![{title}](data:{media_type};base64,{base64.b64encode(content).decode()})"
    if len(image.encode()) <= limit_bytes:
        return image
    return f"*{title}: the picture takes {len(image):,} bytes, more than the {limit_bytes:,} allowed here*"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, (str, bool)):
        return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|")
    return f"{value:,}" if isinstance(value, int) else compact(value)


def _is_number(value: Cell) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
