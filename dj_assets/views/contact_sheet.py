"""Contact sheets: samples that an operator dropped next to those that passed, by value, to show the threshold."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dj_assets.analysis.figures import compact
from dj_assets.analysis.shown_media import Display, Shelf, Shown
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.plan import Plan
from dj_assets.views.left_out import or_remark
from dj_assets.views.png import Colour

if TYPE_CHECKING:
    from PIL import ImageFont
    from PIL.Image import Image

FOLDER = "contact_sheets"
OVERVIEW = "overview.jpg"

_PAPER, _INK = (255, 255, 255), (32, 38, 46)
_DROPPED, _PASSED = (214, 96, 58), (58, 116, 166)
_PAD, _LINE = 6, 15


def write_sheets(folder: Path, manifest: RunManifest, plan: Plan, layout: Layout) -> None:
    """Write the contact sheets of a run into the folder that is about to be published; none if no operator reads media.

    There is one sheet for each operator, `contact_sheets/<operator>.jpg`, with 12 dropped samples and 12 that passed,
    and a small sheet with all operators.
    """
    if not plan.media:
        return
    sheets = folder / FOLDER
    sheets.mkdir()
    display = Display(folder / layout.database.name, plan, layout, manifest, most=12, edge=160)
    or_remark(
        lambda: _write(display, sheets),
        lambda remark: _save(_note(remark), sheets / OVERVIEW, quality=82),
        "contact sheet",
    )


def _write(display: Display, sheets: Path) -> None:
    shelves = list(display.shelves())
    for shelf in shelves:
        sheet = or_remark(partial(_sheet, [shelf], columns=6, edge=160), _note, "contact sheet")
        _save(sheet, sheets / f"{shelf.label}.jpg", quality=82)
    if shelves:
        small = [Shelf(each.label, each.dropped[::3], each.passed[::3]) for each in shelves]
        _save(_sheet(small, columns=4, edge=72), sheets / OVERVIEW, quality=70)


def _note(remark: str) -> Image:
    """Draw a sheet with a remark alone."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (800, 2 * _PAD + _LINE), _PAPER)
    ImageDraw.Draw(image).text((_PAD, _PAD), remark, fill=_INK, font=_font(11))
    return image


def overview(folder: Path, limit_bytes: int) -> bytes:
    """Return the small sheet of a published subset, compressed to a limit; empty where this is not possible."""
    path = folder / FOLDER / OVERVIEW
    if not path.exists():
        return b""
    from PIL import Image

    with Image.open(path) as sheet:
        for quality, share in ((70, 1.0), (55, 1.0), (40, 1.0), (40, 0.75), (30, 0.5)):
            size = (max(1, round(sheet.width * share)), max(1, round(sheet.height * share)))
            file = io.BytesIO()
            sheet.resize(size).save(file, "JPEG", quality=quality, optimize=True)
            if len(file.getvalue()) <= limit_bytes:
                return file.getvalue()
    return b""


def _sheet(shelves: Sequence[Shelf], columns: int, edge: int) -> Image:
    """Draw the shelves below each other, dropped samples on the left and passed samples on the right."""
    from PIL import Image, ImageDraw

    cell = edge + _PAD
    half = columns * cell + _PAD
    heights = [_height(shelf, columns, edge) for shelf in shelves]
    image = Image.new("RGB", (2 * half + _PAD, sum(heights) + _PAD), _PAPER)
    draw = ImageDraw.Draw(image)
    top = _PAD
    for shelf, height in zip(shelves, heights, strict=True):
        sides = ((f"{shelf.label}: dropped", _DROPPED, shelf.dropped), ("passed", _PASSED, shelf.passed))
        for number, (name, colour, shown) in enumerate(sides):
            left = _PAD + number * half
            draw.text((left, top), name, fill=colour, font=_font(11))
            for index, sample in enumerate(shown):
                corner = left + (index % columns) * cell, top + _LINE + (index // columns) * (cell + _LINE)
                _paste(image, sample, corner, edge, colour)
        top += height
    return image


def _paste(image: Image, sample: Shown, corner: tuple[int, int], edge: int, colour: Colour) -> None:
    """Draw one sample in its cell: the picture in a frame, its value below."""
    from PIL import Image, ImageDraw

    draw = ImageDraw.Draw(image)
    picture = Image.fromarray(sample.picture)
    picture.thumbnail((edge - 4, edge - 4))
    left, top = corner[0] + (edge - picture.width) // 2, corner[1] + (edge - picture.height) // 2
    image.paste(picture, (left, top))
    draw.rectangle((left - 2, top - 2, left + picture.width + 1, top + picture.height + 1), outline=colour, width=2)
    value = "" if sample.value is None else compact(sample.value)
    draw.text((corner[0], corner[1] + edge), value, fill=_INK, font=_font(10))


def _height(shelf: Shelf, columns: int, edge: int) -> int:
    rows = max(1, -(-max(len(shelf.dropped), len(shelf.passed)) // columns))
    return _LINE + rows * (edge + _LINE + _PAD) + _PAD


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _save(image: Image, path: Path, quality: int) -> None:
    image.save(path, "JPEG", quality=quality, optimize=True)
