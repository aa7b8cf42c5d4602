"""Blurred images as new files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from dj_assets.media.feature import ImageFeature
from dj_assets.media.image import OpenImage
from dj_assets.media.making import NewImage, checksum

if TYPE_CHECKING:
    from PIL import ImageFilter
    from PIL.Image import Image

BlurType = Literal["mean", "box", "gaussian"]


def blur_filter(blur: BlurType, radius: float) -> type[ImageFilter.Filter] | ImageFilter.Filter:
    """Return the filter of Pillow that blurs; `mean` has no radius."""
    from PIL import ImageFilter

    filters: dict[BlurType, type[ImageFilter.Filter] | ImageFilter.Filter] = {
        "mean": ImageFilter.BLUR,
        "box": ImageFilter.BoxBlur(radius),
        "gaussian": ImageFilter.GaussianBlur(radius),
    }
    return filters[blur]


def png(picture: Image) -> bytes:
    """Return the content of a PNG file of a picture."""
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


@dataclass(frozen=True)
class BlurredImage(NewImage):
    """Make a blurred PNG file of an image."""

    suffix: ClassVar[str] = ".png"

    blur: BlurType = "gaussian"
    radius: float = 2

    def __call__(self, image: OpenImage) -> bytes:
        """Return the content of the new file."""
        return png(image.pil.filter(blur_filter(self.blur, self.radius)))


@dataclass(frozen=True)
class BlurredSometimes(ImageFeature[tuple[BlurredImage, ...]]):
    """Blur a share of the images. The content of an image decides whether it is blurred: every run blurs the same."""

    share: float
    image: BlurredImage

    def __call__(self, image: OpenImage) -> tuple[BlurredImage, ...]:
        """Return the new file, or none."""
        drawn = int(checksum(image.location)[:16], 16)
        return (self.image,) if drawn < self.share * 2**64 else ()
