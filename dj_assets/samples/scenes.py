"""Draw pictures of small scenes and describe them: one or more things in a landscape, at a time of the day."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dj_assets.samples.grammar import Dice

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
Draw = Any

COLOURS: dict[str, Colour] = {
    "red": (196, 52, 44),
    "blue": (48, 92, 180),
    "yellow": (232, 192, 56),
    "green": (60, 140, 72),
    "white": (236, 236, 230),
    "black": (36, 34, 38),
    "orange": (228, 126, 40),
}
_NUMBERS = ("", "one", "two", "three")
# the colour at the top of the sky, the colour at the horizon
_SKIES: dict[str, tuple[Colour, Colour]] = {
    "under a blue sky": ((84, 150, 222), (196, 222, 244)),
    "under grey clouds": ((126, 132, 140), (196, 200, 204)),
    "at sunset": ((92, 78, 138), (248, 168, 96)),
    "at night": ((10, 12, 36), (44, 48, 92)),
}
_GROUNDS: dict[str, Colour] = {
    "in a meadow": (104, 158, 72),
    "on the beach": (222, 200, 150),
    "in the snow": (226, 232, 240),
    "beside a road": (120, 118, 116),
}


@dataclass(frozen=True)
class Scene:
    """Hold the content of a picture. The same scene is always drawn in the same way, at any size."""

    seed: str
    thing: str
    colour: str
    count: int
    ground: str
    sky: str

    @classmethod
    def of(cls, seed: str) -> Scene:
        """Return the scene for a seed."""
        dice = Dice(f"scene/{seed}")
        thing, colour = dice.pick(sorted(THINGS)), dice.pick(sorted(COLOURS))
        return cls(seed, thing, colour, dice.between(1, 3), dice.pick(sorted(_GROUNDS)), dice.pick(sorted(_SKIES)))

    @property
    def caption(self) -> str:
        """Return a caption of the scene: one sentence of a few words."""
        noun = self.thing if self.count == 1 else f"{self.thing}s"
        number = "A" if self.count == 1 else _NUMBERS[self.count].capitalize()
        article = "An" if number == "A" and self.colour[0] in "aeiou" else number
        return f"{article} {self.colour} {noun} {self.ground} {self.sky}"

    def picture(self, width: int, height: int) -> Image:
        """Draw the scene, `width` by `height` pixels."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (width, height))
        draw = ImageDraw.Draw(image)
        dice = Dice(f"picture/{self.seed}")
        horizon = height * dice.between(45, 60) // 100
        self._sky(draw, width, horizon)
        self._ground(draw, dice, (width, height), horizon)
        size = height / (3 + self.count / 2)
        for number in range(self.count):
            left = (number + 0.5) * width / self.count - size / 2 + size * (dice.between(-20, 20) / 100)
            bottom = horizon + (height - horizon) * dice.between(20, 75) / 100
            THINGS[self.thing](draw, (left, bottom - size, left + size, bottom), COLOURS[self.colour])
        return image

    def _sky(self, draw: Draw, width: int, horizon: int) -> None:
        above, below = _SKIES[self.sky]
        for row in range(horizon + 1):
            share = row / max(horizon, 1)
            draw.line([(0, row), (width, row)], fill=_between(above, below, share))

    def _ground(self, draw: Draw, dice: Dice, size: tuple[int, int], horizon: int) -> None:
        width, height = size
        colour = _GROUNDS[self.ground]
        draw.rectangle((0, horizon, width, height), fill=colour)
        for _ in range(8):
            left, wide = dice.between(-20, 100) * width / 100, dice.between(15, 45) * width / 100
            high = dice.between(4, 22) * height / 100
            draw.ellipse((left, horizon - high, left + wide, horizon + high / 3), fill=_shade(colour, dice, 40))
        for _ in range(width * height // 160):
            x, y = dice.between(0, width), dice.between(horizon, height)
            draw.ellipse((x, y, x + dice.between(1, 5), y + dice.between(1, 4)), fill=_shade(colour, dice, 26))


def _house(draw: Draw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    middle, eaves = (left + right) / 2, top + (bottom - top) * 0.45
    draw.rectangle((left, eaves, right, bottom), fill=colour)
    draw.polygon([(left, eaves), (middle, top), (right, eaves)], fill=(96, 58, 44))
    draw.rectangle((middle - 0.1 * (right - left), bottom - 0.3 * (bottom - top), middle, bottom), fill=(60, 40, 30))


def _tree(draw: Draw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    middle, width = (left + right) / 2, right - left
    draw.rectangle((middle - 0.06 * width, top, middle + 0.06 * width, bottom), fill=(92, 64, 40))
    for share in (0.0, 0.2, 0.4):
        inset = share * width / 4
        draw.ellipse((left + inset, top + share * width, right - inset, bottom - width / 3), colour)


def _boat(draw: Draw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    deck, quarter = bottom - (bottom - top) * 0.3, (right - left) / 4
    draw.polygon([(left, deck), (right, deck), (right - quarter, bottom), (left + quarter, bottom)], fill=colour)
    draw.polygon([(left + 1.9 * quarter, top), (left + 1.9 * quarter, deck), (right, deck - 4)], fill=(244, 244, 240))


def _ball(draw: Draw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    draw.ellipse(box, fill=colour)
    draw.ellipse((left + (right - left) * 0.2, top + (bottom - top) * 0.15, right, bottom), outline=(250, 250, 250))


def _car(draw: Draw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    height, width = bottom - top, right - left
    draw.rectangle((left, top + 0.55 * height, right, bottom - 0.12 * height), fill=colour)
    draw.rectangle((left + 0.2 * width, top + 0.3 * height, right - 0.2 * width, top + 0.6 * height), fill=colour)
    for share in (0.2, 0.8):
        x = left + share * width
        draw.ellipse((x - 0.12 * width, bottom - 0.24 * width, x + 0.12 * width, bottom), fill=(24, 24, 26))


def _balloon(draw: Draw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    middle = (left + right) / 2
    draw.line([(middle, top), (middle, bottom)], fill=(80, 70, 60))
    draw.ellipse((left, top - (bottom - top) * 0.4, right, bottom - (bottom - top) * 0.4), fill=colour)


THINGS: dict[str, Callable[[Draw, Box, Colour], None]] = {
    "ball": _ball,
    "balloon": _balloon,
    "boat": _boat,
    "car": _car,
    "house": _house,
    "tree": _tree,
}


def noise(seed: str, width: int, height: int) -> Image:
    """Return a picture of random pixels, which no format can compress."""
    from PIL import Image

    dice = Dice(f"noise/{seed}")
    return Image.frombytes("RGB", (width, height), bytes(dice.below(256) for _ in range(3 * width * height)))


def _between(first: Colour, second: Colour, share: float) -> Colour:
    mixed = [round(a + (b - a) * share) for a, b in zip(first, second, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def _shade(colour: Colour, dice: Dice, most: int) -> Colour:
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))
    shaded = colorsys.hsv_to_rgb(hue, saturation, min(1, max(0, value + dice.between(-most, most) / 255)))
    return round(255 * shaded[0]), round(255 * shaded[1]), round(255 * shaded[2])
