"""Filter samples by the aspect ratio of their images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import ImageSize
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("image_aspect_ratio_filter")
class ImageAspectRatioFilter(ListRangeFilter):
    """Keep samples whose images, any or all, have an aspect ratio between two bounds.

    The statistic is width / height of each listed image, upright, read from the header alone.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("aspect_ratios", pa.list_(pa.float64()), "width / height of each image"),
    )

    min_ratio: float = 0.333
    max_ratio: float = 3.0

    def features(self) -> tuple[ImageSize]:
        """Return the size feature."""
        return (ImageSize(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the ratios of every sample."""
        sizes = media(batch).values("images", ImageSize())
        ratios = [[width / height for width, height in sample] for sample in sizes]
        return {"aspect_ratios": pa.array(ratios, pa.list_(pa.float64()))}
