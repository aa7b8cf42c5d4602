"""Perceptual hashes of images: 64 bits that stay the same if an image is scaled or encoded again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dj_assets.media.feature import ImageFeature
from dj_assets.media.image import OpenImage

if TYPE_CHECKING:
    from PIL.Image import Image

Method = Literal["phash", "dhash", "whash", "ahash"]


@dataclass(frozen=True)
class ImageHash(ImageFeature[bytes]):
    """Compute the perceptual hash of an image by one of four methods."""

    method: Method

    def __call__(self, image: OpenImage) -> bytes:
        """Return the 8 bytes of the hash, the upper left bit first, row by row."""
        return np.packbits(_METHODS[self.method](image.pil)).tobytes()


def _grey(image: Image, width: int, height: int) -> np.ndarray:
    """Return an image that is first scaled, then converted to grey: `float64`, shape `(height, width)`."""
    from PIL.Image import Resampling

    return np.asarray(image.resize((width, height), Resampling.LANCZOS).convert("L"), np.float64)


def _by_frequencies(image: Image) -> np.ndarray:
    """Compare the 64 lowest of 32 x 32 cosine frequencies with the median of all of these except the mean."""
    from scipy.fft import dct

    low = dct(dct(_grey(image, 32, 32), axis=0), axis=1)[:8, :8]
    bits: np.ndarray = low >= np.median(low.ravel()[1:])
    return bits


def _by_mean(image: Image) -> np.ndarray:
    grey = _grey(image, 8, 8)
    bits: np.ndarray = grey >= grey.mean()
    return bits


def _by_gradient(image: Image) -> np.ndarray:
    grey = _grey(image, 9, 8)
    bits: np.ndarray = grey[:, 1:] > grey[:, :-1]
    return bits


def _by_wavelets(image: Image) -> np.ndarray:
    """Compare the means of 8 x 8 blocks, the fifth Haar level of 256 x 256 pixels, with their median."""
    low = _grey(image, 256, 256) / 255
    for _ in range(5):
        low = (low[0::2, 0::2] + low[0::2, 1::2] + low[1::2, 0::2] + low[1::2, 1::2]) / 2
    bits: np.ndarray = low >= np.median(low)
    return bits


_METHODS: Mapping[Method, Callable[[Image], np.ndarray]] = {
    "phash": _by_frequencies,
    "dhash": _by_gradient,
    "whash": _by_wavelets,
    "ahash": _by_mean,
}
