"""Filter samples by the amount of motion in their clips."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import BeforeValidator, Field

from dj_assets.media.motion import MotionScore, Resizing
from dj_assets.media.optical_flow import Farneback
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


def _edges(value: object) -> object:
    return () if value is None else (value,) if isinstance(value, int) else value


@register("video_motion_score_filter")
class VideoMotionScoreFilter(ListRangeFilter):
    """Keep samples whose clips, any or all, have an amount of motion between two bounds.

    The statistic is the mean length of Farneback's optical flow (Farnebäck, 2003) between frames of each listed clip,
    sampled at `sampling_fps`. Its unit is the pixel of the resized frame, or with `relative` the diagonal of that
    frame. A clip of one frame has -1. `size` sets the short edge of the frame, or the shortest and the longest edge;
    `max_size` limits the long edge; the sides are multiples of `divisible`. As in Data-Juicer, the sides of the resized
    frame are exchanged: a landscape frame is squeezed into a portrait. The last seven parameters are those of OpenCV.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "cv2": "vision"}
    bounds: ClassVar[tuple[str, str]] = ("min_score", "max_score")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_motion_score", pa.list_(pa.float64()), "pixels between sampled frames of each clip"),
    )

    min_score: float = 0.25
    max_score: float = sys.float_info.max
    sampling_fps: float = Field(2, gt=0)
    size: Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_edges), Field(max_length=2)] = ()
    max_size: int | None = Field(None, gt=0)
    divisible: int = Field(1, gt=0)
    relative: bool = False
    pyr_scale: float = Field(0.5, gt=0, lt=1)
    levels: int = Field(3, gt=0)
    winsize: int = Field(15, gt=0)
    iterations: int = Field(3, gt=0)
    poly_n: int = Field(5, gt=0)
    poly_sigma: float = Field(1.2, gt=0)
    flags: int = 0

    @property
    def costly(self) -> bool:
        """Return true: much of the clip is decoded."""
        return True

    def features(self) -> tuple[MotionScore]:
        """Return the motion feature."""
        flow = {name: getattr(self, name) for name in Farneback.__dataclass_fields__}
        resizing = Resizing(self.size, self.max_size, self.divisible)
        return (MotionScore(self.sampling_fps, resizing, self.relative, Farneback(**flow)),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the scores of every sample."""
        (feature,) = self.features()
        return {"video_motion_score": pa.array(media(batch).values("videos", feature), pa.list_(pa.float64()))}
