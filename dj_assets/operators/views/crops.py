"""Define the media features that models take: small uint8 crops, made where images and clips are decoded."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature, ImageFeature
from dj_assets.media.image import OpenImage
from dj_assets.models.vision.pixels import Geometry, Uint8s

if TYPE_CHECKING:
    from collections.abc import Sequence

Sampling = Literal["all_keyframes", "uniform"]


@dataclass(frozen=True)
class Flips:
    """Mirror a picture left to right, or top to bottom, before a model gets it."""

    horizontal: bool = False
    vertical: bool = False

    def __call__(self, picture: Uint8s) -> Uint8s:
        """Return the picture, shape `(height, width, 3)`, mirrored as configured."""
        if not (self.horizontal or self.vertical):
            return picture
        return np.ascontiguousarray(picture[:: -1 if self.vertical else 1, :: -1 if self.horizontal else 1])


@cache
def load_kernels() -> None:
    """Load what crops are made with."""
    from dj_assets.kernels.resampling import resized

    # a high picture is shrunk in another order, and decoded images cannot be written
    for height, writable in itertools.product((2, 9), (True, False)):
        picture = np.zeros((height, 2, 3), np.uint8)
        picture.flags.writeable = writable
        for side in (1, 2):
            resized(picture, (side, side), (0, 0, 1, 1), cubic=True)


@dataclass(frozen=True)
class Crop(ImageFeature[Uint8s]):
    """Crop an image to the input of a model, shape `(height, width, 3)`."""

    geometry: Geometry
    flips: Flips = Flips()

    def load(self) -> None:
        """Load the kernel that resizes."""
        load_kernels()

    def __call__(self, image: OpenImage) -> Uint8s:
        """Flip, resize and crop the image."""
        return self.geometry.pixels(self.flips(image.rgb))


@dataclass(frozen=True)
class FrameCrops(ClipFeature[Uint8s]):
    """Crop key frames of a clip, or `count` frames at equal distances, shape `(n, height, width, 3)`."""

    geometry: Geometry
    sampling: Sampling = "all_keyframes"
    count: int = 3
    flips: Flips = Flips()

    def frames(self, clip: OpenClip) -> Sequence[int]:
        """Return the indices of the frames."""
        return clip.key_frames if self.sampling == "all_keyframes" else clip.uniform(self.count)

    def load(self) -> None:
        """Load the kernel that resizes."""
        load_kernels()

    def __call__(self, clip: OpenClip) -> Uint8s:
        """Flip, resize and crop each frame."""
        crops = [self.geometry.pixels(self.flips(frame)) for frame in clip.rgb(self.frames(clip))]
        return np.stack(crops) if crops else np.empty((0, self.geometry.height, self.geometry.width, 3), np.uint8)
