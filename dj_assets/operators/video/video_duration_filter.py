"""Filter samples by the duration of their clips."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import ClipDuration
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("video_duration_filter")
class VideoDurationFilter(ListRangeFilter):
    """Keep samples whose clips, any or all, have a duration between two bounds.

    The statistic is the duration in seconds of the video stream of each listed clip, else that of the container, read
    from the header alone. `video_backend` is accepted and has no effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}
    bounds: ClassVar[tuple[str, str]] = ("min_duration", "max_duration")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_duration", pa.list_(pa.float64()), "seconds of each clip"),
    )

    min_duration: float = 0
    max_duration: float = sys.maxsize
    video_backend: Literal["ffmpeg", "av"] = "ffmpeg"

    def features(self) -> tuple[ClipDuration]:
        """Return the duration feature."""
        return (ClipDuration(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the durations of every sample."""
        return {"video_duration": pa.array(media(batch).values("videos", ClipDuration()), pa.list_(pa.float64()))}
