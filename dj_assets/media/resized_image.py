"""Images in another size as new files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dj_assets.media.blurred import png
from dj_assets.media.feature import ImageFeature
from dj_assets.media.image import OpenImage
from dj_assets.media.making import NewImage


@dataclass(frozen=True)
class ResizedImage(NewImage):
    """Make a PNG file of an image in a given size in pixels, by bicubic interpolation."""

    suffix: ClassVar[str] = ".png"

    width: int
    height: int

    def __call__(self, image: OpenImage) -> bytes:
        """Return the content of the new file."""
        return png(image.pil.resize((self.width, self.height)))


@dataclass(frozen=True)
class EveryImageResized(ImageFeature[tuple[ResizedImage, ...]]):
    """Resize every image: the new files then belong to one subset, also those that had the size before."""

    image: ResizedImage

    def __call__(self, image: OpenImage) -> tuple[ResizedImage, ...]:  # noqa: ARG002
        """Return the new file."""
        return (self.image,)
