"""Whole images, for operators that cut boxes out of them or show them to a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dj_assets.media.feature import ImageFeature
from dj_assets.media.image import OpenImage


@dataclass(frozen=True)
class Pixels(ImageFeature[npt.NDArray[np.uint8]]):
    """Decode an image, `uint8`, shape `(height, width, 3)`. It takes the memory of the whole picture."""

    def __call__(self, image: OpenImage) -> npt.NDArray[np.uint8]:
        """Return the pixels."""
        return image.rgb
