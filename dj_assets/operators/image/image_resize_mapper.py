"""Give images one size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import PositiveInt

from dj_assets.media.resized_image import EveryImageResized, ResizedImage
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


@register("image_resize_mapper")
class ImageResizeMapper(MediaRewriter):
    """Resize images to `width` x `height` pixels, whatever their shape is, and list the new files in their place.

    An image that has the size already is written again. New images are PNG files, in the folder `media` of the output.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "av": "vision"}

    width: PositiveInt = 512
    height: PositiveInt = 512

    def making(self) -> EveryImageResized:
        """Return the resizing."""
        return EveryImageResized(ResizedImage(self.width, self.height))
