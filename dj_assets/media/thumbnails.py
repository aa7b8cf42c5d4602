"""Media features that compute small pictures for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature, ImageFeature
from dj_assets.media.image import OpenImage


@dataclass(frozen=True)
class ImageThumbnail(ImageFeature[np.ndarray]):
    """Compute a picture with no side longer than `edge` pixels; `uint8`, shape `(height, width, 3)`."""

    edge: int

    def __call__(self, image: OpenImage) -> np.ndarray:
        """Return the small picture."""
        small = image.pil.copy()
        small.thumbnail((self.edge, self.edge))
        return np.asarray(small)


@dataclass(frozen=True)
class ClipThumbnail(ClipFeature[np.ndarray]):
    """Compute the frame in the middle of a clip, with the size of an `ImageThumbnail`."""

    edge: int

    def frames(self, clip: OpenClip) -> Sequence[int]:
        """Return the number of the middle frame."""
        return clip.uniform(1)

    def __call__(self, clip: OpenClip) -> np.ndarray:
        """Return the small picture."""
        from PIL import Image

        (frame,) = clip.rgb(clip.uniform(1))
        small = Image.fromarray(frame)
        small.thumbnail((self.edge, self.edge))
        return np.asarray(small)
