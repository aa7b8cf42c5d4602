"""Lengths of clips."""

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
    """Keep samples with clips, any or all, that are neither too short nor too long.

    The statistic is the length of the video stream of each listed clip, else that of the container, from the header
    alone. `video_backend` is accepted and changes nothing.
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

    def looks(self) -> tuple[ClipDuration]:
        """See the length."""
        return (ClipDuration(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the lengths."""
        return {"video_duration": pa.array(media(batch).found("videos", ClipDuration()), pa.list_(pa.float64()))}
