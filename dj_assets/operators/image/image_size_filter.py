"""Filter samples by the size of their image files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import FileBytes
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import EachInRange, Range
from dj_assets.operators.kinds.media_filter import MediaFilter
from dj_assets.operators.kinds.sizes import Size, size_in_bytes
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("image_size_filter")
class ImageSizeFilter(MediaFilter):
    """Keep samples whose image files, any or all, have a size between two bounds, such as `"124KB"`.

    A kilobyte is 1,024 bytes. The statistic is the number of bytes of each listed file, or of the image itself if
    samples contain its bytes. No file is opened, so damaged and empty files have a size, too.
    """

    media: ClassVar[Literal["images"]] = "images"
    judging: ClassVar[frozenset[str]] = MediaFilter.judging | {"min_size", "max_size"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("image_sizes", pa.list_(pa.int64()), "bytes of each image file"),
    )

    min_size: Size = "0"
    max_size: Size = "1TB"

    @property
    def condition(self) -> EachInRange:
        """Return the condition that any or all sizes are in the range; a sample without images passes."""
        bounds = Range(
            key="image_sizes",
            low=size_in_bytes(self.min_size),
            high=size_in_bytes(self.max_size),
            low_name="min_size",
            high_name="max_size",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )
        return EachInRange(bounds, self.any_or_all, empty=True)

    def features(self) -> tuple[FileBytes]:
        """Return the file size feature."""
        return (FileBytes(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the sizes of every sample."""
        return {"image_sizes": pa.array(media(batch).values("images", FileBytes()), pa.list_(pa.int64()))}
