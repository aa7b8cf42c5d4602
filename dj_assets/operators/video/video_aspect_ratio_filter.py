"""Filter samples by the aspect ratio of their clips."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import field_validator

from dj_assets.media.headers import ClipSize
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import EachInRange, Range
from dj_assets.operators.kinds.media_filter import MediaFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("video_aspect_ratio_filter")
class VideoAspectRatioFilter(MediaFilter):
    """Keep samples whose clips, any or all, have an aspect ratio between two bounds, such as `"9/21"` or `"21:9"`.

    The statistic is width / height of each listed clip as its frames are coded, read from the header alone; a rotation
    that players apply does not count. Bounds are exact fractions, as in Data-Juicer: the double next to 7/3 is greater
    than 7/3, so a clip of 210 x 90 pixels is too wide for `"21/9"`.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}
    judging: ClassVar[frozenset[str]] = MediaFilter.judging | {"min_ratio", "max_ratio"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_aspect_ratios", pa.list_(pa.float64()), "width / height of each clip"),
    )

    min_ratio: str = "9/21"
    max_ratio: str = "21/9"

    @field_validator("min_ratio", "max_ratio")
    @classmethod
    def _is_a_ratio(cls, ratio: str) -> str:
        try:
            _fraction(ratio)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"must be a ratio, as '16/9' or '16:9', not {ratio!r}") from None
        return ratio

    @property
    def condition(self) -> EachInRange:
        """Return the condition that any or all ratios are in the range; a sample without clips passes."""
        bounds = Range(
            key="video_aspect_ratios",
            low=_within(_fraction(self.min_ratio), math.inf),
            high=_within(_fraction(self.max_ratio), -math.inf),
            low_name="min_ratio",
            high_name="max_ratio",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )
        return EachInRange(bounds, self.any_or_all, empty=True)

    def features(self) -> tuple[ClipSize]:
        """Return the size feature."""
        return (ClipSize(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the ratios of every sample."""
        sizes = media(batch).values("videos", ClipSize())
        ratios = [[width / height for width, height in sample] for sample in sizes]
        return {"video_aspect_ratios": pa.array(ratios, pa.list_(pa.float64()))}


def _within(bound: Fraction, inwards: float) -> float:
    """Return the double that is nearest to a bound and not outside of it."""
    nearest = float(bound)
    outside = nearest < bound if inwards > 0 else nearest > bound
    return math.nextafter(nearest, inwards) if outside else nearest


def _fraction(ratio: str) -> Fraction:
    return Fraction(ratio.replace(":", "/").replace(" ", ""))
