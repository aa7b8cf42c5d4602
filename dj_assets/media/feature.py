"""Media features: values of images, clips and sounds, computed by pure functions where these are decoded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, Literal, TypeVar

from dj_assets.media.clip import OpenClip
from dj_assets.media.image import OpenImage
from dj_assets.media.sound import OpenSound
from dj_assets.media.tokens import Kind

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
# The purposes of decoding a clip: frames for models, or for motion. Each has its decoders.
Purpose = Literal["frames", "motion"]


class ImageFeature(ABC, Generic[T_co]):
    """Compute one feature of an image. Subclasses are frozen dataclasses: equal parameters mean the same feature.

    The value is sent between processes: it is numbers, or a small array such as a crop, not the picture. Features are
    defined in modules that import neither Arrow nor models, so that the process that decodes stays small.
    """

    kind: ClassVar[Kind] = "images"

    def load(self) -> None:
        """Load the kernels of the feature in a process that may write their cache; the one that decodes may not."""

    @abstractmethod
    def __call__(self, image: OpenImage) -> T_co:
        """Return the value of the feature for an image."""


class ClipFeature(ABC, Generic[T_co]):
    """Compute one feature of a clip; see `ImageFeature`."""

    kind: ClassVar[Kind] = "videos"
    # None if nothing is decoded; the decoder is part of the identity of what is measured, see `decoded_by`
    decoded_for: ClassVar[Purpose | None] = "frames"

    def load(self) -> None:
        """Load the kernels of the feature, as `ImageFeature.load` does."""

    def frames(self, clip: OpenClip) -> Sequence[int]:  # noqa: ARG002
        """Return the frames that the feature needs of `clip.rgb`; those of all features are decoded together."""
        return ()

    @abstractmethod
    def __call__(self, clip: OpenClip) -> T_co:
        """Return the value of the feature for a clip."""


class SoundFeature(ABC, Generic[T_co]):
    """Compute one feature of a sound; see `ImageFeature`."""

    kind: ClassVar[Kind] = "audios"

    def load(self) -> None:
        """Load the kernels of the feature, as `ImageFeature.load` does."""

    @abstractmethod
    def __call__(self, sound: OpenSound) -> T_co:
        """Return the value of the feature for a sound."""


MediaFeature = ImageFeature[T] | ClipFeature[T] | SoundFeature[T]
