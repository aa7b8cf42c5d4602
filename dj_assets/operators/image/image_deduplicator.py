"""Images that look the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from dj_assets.media.image_hash import ImageHash, Method
from dj_assets.operators.kinds.media_filter import MediaDeduplicator
from dj_assets.operators.registry import register


@register("image_deduplicator")
class ImageDeduplicator(MediaDeduplicator):
    """Keep the first of samples whose images have the same perceptual hash of 64 bits.

    `method` is `phash` (low frequencies of the image), `dhash` (does it get brighter to the right), `whash` (low
    frequencies of its wavelets) or `ahash` (is it brighter than the mean). A path listed twice counts once. With
    `consider_text` the texts must be equal, too; samples without images are then duplicates by their text.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "scipy": "vision"}

    method: Method = "phash"

    def looks(self) -> tuple[ImageHash]:
        """See the hash."""
        return (ImageHash(self.method),)
