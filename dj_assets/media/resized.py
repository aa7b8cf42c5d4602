"""Clips in other sizes as new files: which clips are scaled, and to which width and height."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal

from dj_assets.media.clip import OpenClip
from dj_assets.media.clip_parts import ClipPart
from dj_assets.media.feature import ClipFeature

Fit = Literal["disable", "decrease", "increase"]
# Frames of more pixels than these are not made.
_MOST_SIDE = 16_384


@dataclass(frozen=True)
class ResizedWithin(ClipFeature[tuple[ClipPart, ...]]):
    """Scale a clip whose width or height is outside of bounds.

    Each side is clamped to its bounds. With `fit`, as in FFmpeg's scale filter, the ratio of the sides is kept and the
    clip is the largest inside of that frame (`decrease`) or the smallest around it (`increase`), and both sides are
    multiples of `divisor`.
    """

    decoded_for: ClassVar[None] = None

    width: tuple[int, int]
    height: tuple[int, int]
    fit: Fit = "disable"
    divisor: int = 2

    def __call__(self, clip: OpenClip) -> tuple[ClipPart, ...]:
        """Return the new file; none for a clip within the bounds."""
        width, height = _clamped(clip.width, self.width), _clamped(clip.height, self.height)
        if (width, height) == (clip.width, clip.height):
            return ()
        if self.fit != "disable":
            choose = min if self.fit == "decrease" else max
            scale = choose(Fraction(width, clip.width), Fraction(height, clip.height))
            width, height = (self._multiple(side * scale) for side in (clip.width, clip.height))
        return _scaled(width, height)

    def _multiple(self, side: Fraction) -> int:
        whole = math.floor if self.fit == "decrease" else math.ceil
        return max(1, whole(side / self.divisor)) * self.divisor


@dataclass(frozen=True)
class ResizedToRatio(ClipFeature[tuple[ClipPart, ...]]):
    """Scale a clip whose ratio of width to height is outside of bounds to the nearer bound.

    One side grows (`increase`) or shrinks (`decrease`), and the other stays.
    """

    decoded_for: ClassVar[None] = None

    least: Fraction
    most: Fraction
    strategy: Literal["increase", "decrease"] = "increase"

    def __call__(self, clip: OpenClip) -> tuple[ClipPart, ...]:
        """Return the new file; none for a clip within the bounds."""
        width, height = clip.width, clip.height
        ratio = Fraction(width, height)
        bound = min(max(ratio, self.least), self.most)
        if bound == ratio:
            return ()
        too_narrow = ratio < bound
        if self.strategy == "increase":
            size = (math.ceil(height * bound), height) if too_narrow else (width, math.ceil(width / bound))
        else:
            size = (width, math.floor(width / bound)) if too_narrow else (math.floor(height * bound), height)
        return _scaled(*size)


def _clamped(side: int, bounds: tuple[int, int]) -> int:
    return min(max(side, bounds[0]), bounds[1])


def _scaled(width: int, height: int) -> tuple[ClipPart, ...]:
    sides = (min(max(1, side), _MOST_SIDE) for side in (width, height))
    return (ClipPart(0.0, None, (next(sides), next(sides))),)
