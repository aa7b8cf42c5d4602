"""Looks: what operators want to know of an image or a clip, as pure functions that run where it is decoded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from dj_assets.media.clip import OpenClip
from dj_assets.media.image import OpenImage
from dj_assets.media.tokens import Kind

T = TypeVar("T")


class ImageLook(ABC, Generic[T]):
    """One look at an image. Subclasses are frozen dataclasses: their fields are parameters, equal ones are one look.

    What a look returns travels between processes: numbers, or a small array such as a crop, not the picture. Looks live
    in modules that import neither Arrow nor models, so that the process that decodes stays small.
    """

    kind: ClassVar[Kind] = "images"

    def load(self) -> None:
        """Load the kernels that it runs, in a process that may write their cache; that which decodes may not."""

    @abstractmethod
    def __call__(self, image: OpenImage) -> T:
        """Look at an image."""


class ClipLook(ABC, Generic[T]):
    """One look at a clip, as `ImageLook` is one at an image."""

    kind: ClassVar[Kind] = "videos"

    def load(self) -> None:
        """Load the kernels that it runs, as `ImageLook.load`."""

    def frames(self, clip: OpenClip) -> Sequence[int]:  # noqa: ARG002
        """Return the numbers of the frames it will ask `clip.rgb` for; those of all looks are decoded together."""
        return ()

    @abstractmethod
    def __call__(self, clip: OpenClip) -> T:
        """Look at a clip."""


Look = ImageLook[T] | ClipLook[T]
