"""Faces in images and clips, found by the frontal detector of dlib, whose model is part of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from dj_assets.media.blurred import BlurType, blur_filter, png
from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature, ImageFeature
from dj_assets.media.image import OpenImage
from dj_assets.media.making import NewImage

if TYPE_CHECKING:
    from PIL.Image import Image

# Larger pictures are made smaller before faces are looked for: the time grows with the pixels.
LONGEST_SIDE = 1600


class Face(NamedTuple):
    """Hold the box of a face in pixels: its corner, width and height, inside of the picture."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Faces(ImageFeature[tuple[Face, ...]]):
    """Find the faces in an image."""

    def load(self) -> None:
        """Load the detector."""
        _detector()

    def __call__(self, image: OpenImage) -> tuple[Face, ...]:
        """Return the faces from left to right."""
        return faces_in(image.pil)


@dataclass(frozen=True)
class FramesWithFaces(ClipFeature[float]):
    """Compute the share of the frames with a face, among every n-th frame; 0 if there are no such frames."""

    interval: int = 1

    def load(self) -> None:
        """Load the detector."""
        _detector()

    def frames(self, clip: OpenClip) -> Sequence[int]:
        """Return every n-th frame, beginning with the n-th."""
        return range(self.interval - 1, len(clip.decoder), self.interval)

    def __call__(self, clip: OpenClip) -> float:
        """Return the share."""
        from PIL.Image import fromarray

        numbers = self.frames(clip)
        found = 0
        for frame in clip.rgb(numbers):
            clip.still_alive()
            found += bool(faces_in(fromarray(frame)))
        return found / len(numbers) if len(numbers) else 0.0


@dataclass(frozen=True)
class BlurredFaces(NewImage):
    """Make a PNG file of an image with its faces blurred."""

    suffix: ClassVar[str] = ".png"

    blur: BlurType = "gaussian"
    radius: float = 2

    def __call__(self, image: OpenImage) -> bytes:
        """Return the content of the new file."""
        return png(with_blurred(image.pil, faces_in(image.pil), self.blur, self.radius))


@dataclass(frozen=True)
class BlurredWhereFaces(ImageFeature[tuple[BlurredFaces, ...]]):
    """Blur the faces of the images that have some."""

    image: BlurredFaces

    def load(self) -> None:
        """Load the detector."""
        _detector()

    def __call__(self, image: OpenImage) -> tuple[BlurredFaces, ...]:
        """Return the new file, or none."""
        return (self.image,) if faces_in(image.pil) else ()


def with_blurred(picture: Image, faces: Sequence[Face], blur: BlurType, radius: float) -> Image:
    """Return a copy of a picture in which the boxes of faces are blurred, each by itself."""
    made = picture.copy()
    for face in faces:
        box = (face.left, face.top, face.left + face.width, face.top + face.height)
        made.paste(picture.crop(box).filter(blur_filter(blur, radius)), box)
    return made


def faces_in(picture: Image) -> tuple[Face, ...]:
    """Return the faces in an RGB picture from left to right."""
    scale = min(1.0, LONGEST_SIDE / max(picture.size))
    small = picture if scale == 1 else picture.resize([max(1, round(side * scale)) for side in picture.size])
    # a view with negative strides gives other faces from call to call
    boxes = _detector()(np.ascontiguousarray(np.asarray(small)))
    found = (_inside(box, scale, *picture.size) for box in boxes)
    return tuple(sorted(face for face in found if face.width > 0 and face.height > 0))


def _inside(box: Any, scale: float, width: int, height: int) -> Face:  # noqa: ANN401 - the package has no types
    left, right = (min(max(round(side / scale), 0), width) for side in (box.left(), box.right() + 1))
    top, bottom = (min(max(round(side / scale), 0), height) for side in (box.top(), box.bottom() + 1))
    return Face(left, top, right - left, bottom - top)


@cache
def _detector() -> Any:  # noqa: ANN401 - the package has no types
    import dlib

    return dlib.get_frontal_face_detector()
