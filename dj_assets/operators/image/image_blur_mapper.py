"""Blur images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from dj_assets.media.blurred import BlurredImage, BlurredSometimes, BlurType
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


@register("image_blur_mapper")
class ImageBlurMapper(MediaRewriter):
    """Blur a share `p` of the images, and list the new files in their place.

    The content of an image decides whether it is blurred, so every run blurs the same ones. `blur_type` and `radius`
    are those of Pillow's filters; `mean` has no radius. New images are PNG files, in the folder `media` of the output.
    `save_dir` is accepted and has no effect.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "av": "vision"}

    p: float = Field(default=0.2, ge=0, le=1)
    blur_type: BlurType = "gaussian"
    radius: float = Field(default=2, ge=0)
    save_dir: str | None = None

    def making(self) -> BlurredSometimes:
        """Return the blurring."""
        return BlurredSometimes(self.p, BlurredImage(self.blur_type, self.radius))
