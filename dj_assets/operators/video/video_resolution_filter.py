"""Filter samples by the width and height of their clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import ClipSize
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ShapeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("video_resolution_filter")
class VideoResolutionFilter(ShapeFilter):
    """Keep samples whose clips, any or all, have both width and height within bounds.

    The statistics are the pixels of each listed clip as its frames are coded, read from the header alone; a rotation
    that players apply does not count.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}
    statistics: ClassVar[tuple[Statistic, Statistic]] = (
        Statistic("video_width", pa.list_(pa.int64()), "pixels of each clip"),
        Statistic("video_height", pa.list_(pa.int64()), "pixels of each clip"),
    )

    def features(self) -> tuple[ClipSize]:
        """Return the size feature."""
        return (ClipSize(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the widths and heights of every sample."""
        return self.widths_and_heights(media(batch).values("videos", ClipSize()))
