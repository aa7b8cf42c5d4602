"""Filter samples by the share of frames with a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.media.faces import FramesWithFaces
from dj_assets.operators.base import Statistic
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.media_filter import ListRangeFilter, OneFeatureFilter
from dj_assets.operators.registry import register


@register("video_face_ratio_filter")
class VideoFaceRatioFilter(OneFeatureFilter, ListRangeFilter):
    """Keep samples whose clips, all or any, have a face in at least a share `threshold` of the frames.

    Every frame is searched, or with `detect_interval` every n-th, beginning with the n-th, by the frontal detector of
    dlib. Frames are made smaller to 1600 pixels a side.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "dlib": "faces"}
    bounds: ClassVar[tuple[str, str]] = ("threshold", "threshold")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_face_exist", pa.list_(pa.float64()), "share of frames with a face, of each clip"),
    )

    threshold: float = 0.8
    detect_interval: PositiveInt = 1
    any_or_all: Literal["any", "all"] = "all"

    @property
    def range(self) -> Range:
        """Return the range: at least the threshold."""
        return replace(super().range, high=None)

    def features(self) -> tuple[FramesWithFaces]:
        """Return the share of frames with a face."""
        return (FramesWithFaces(self.detect_interval),)
