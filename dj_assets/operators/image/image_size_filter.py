"""Filter samples by the size of their image files."""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import FileBytes
from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.file_size import FileSizeFilter
from dj_assets.operators.registry import register


@register("image_size_filter")
class ImageSizeFilter(FileSizeFilter):
    """Keep samples whose image files, any or all, have a size between two bounds, such as `"124KB"`.

    A kilobyte is 1,024 bytes. The statistic is the number of bytes of each listed file, or of the image itself if
    samples contain its bytes. No file is opened, so damaged and empty files have a size, too.
    """

    media: ClassVar[Literal["images"]] = "images"
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("image_sizes", pa.list_(pa.int64()), "bytes of each image file"),
    )

    def features(self) -> tuple[FileBytes]:
        """Return the file size feature."""
        return (FileBytes(),)
