"""Remove samples with the same images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from dj_assets.media.image_hash import ImageHash, Method
from dj_assets.operators.kinds.media_filter import MediaDeduplicator
from dj_assets.operators.registry import register


@register("image_deduplicator")
class ImageDeduplicator(MediaDeduplicator):
    """Keep the first of samples whose images have the same perceptual hash of 64 bits.

    `method` is `phash` (low frequencies of the image), `dhash` (sign of the change in brightness to the right), `whash`
    (low frequencies of its wavelets) or `ahash` (brighter than the mean or not). A path listed twice counts once. With
    `consider_text` the texts must be equal, too; samples without images are then duplicates by their text.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "scipy": "vision"}

    method: Method = "phash"

    def features(self) -> tuple[ImageHash]:
        """Return the hash feature."""
        return (ImageHash(self.method),)
