"""Filter samples by the width and height of their images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import ImageSize
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ShapeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("image_shape_filter")
class ImageShapeFilter(ShapeFilter):
    """Keep samples whose images, any or all, have both width and height within bounds.

    The statistics are the pixels of each listed image, upright, read from the header alone. An image too large to be
    decoded has them, too.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision"}
    statistics: ClassVar[tuple[Statistic, Statistic]] = (
        Statistic("image_width", pa.list_(pa.int64()), "pixels of each image"),
        Statistic("image_height", pa.list_(pa.int64()), "pixels of each image"),
    )

    def features(self) -> tuple[ImageSize]:
        """Return the size feature."""
        return (ImageSize(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the widths and heights of every sample."""
        return self.widths_and_heights(media(batch).values("images", ImageSize()))
