"""Filter samples by the duration of their clips."""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import ClipDuration
from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.duration import DurationFilter
from dj_assets.operators.registry import register


@register("video_duration_filter")
class VideoDurationFilter(DurationFilter):
    """Keep samples whose clips, any or all, have a duration between two bounds.

    The statistic is the duration in seconds of the video stream of each listed clip, else that of the container, read
    from the header alone. `video_backend` is accepted and has no effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_duration", pa.list_(pa.float64()), "seconds of each clip"),
    )

    video_backend: Literal["ffmpeg", "av"] = "ffmpeg"

    def features(self) -> tuple[ClipDuration]:
        """Return the duration feature."""
        return (ClipDuration(),)
