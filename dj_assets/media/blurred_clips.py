"""Clips with their faces blurred, as new files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dj_assets.media.blurred import BlurType
from dj_assets.media.clip import OpenClip
from dj_assets.media.clip_parts import ClipPart, Painter
from dj_assets.media.containers import open_container
from dj_assets.media.faces import Faces, faces_in, with_blurred
from dj_assets.media.feature import ClipFeature
from dj_assets.media.frames import decoded, known


@dataclass(frozen=True)
class ClipWithBlurredFaces(ClipPart):
    """Make a file of a clip in which the faces of every frame are blurred; sound stays."""

    blur: BlurType = "gaussian"
    radius: float = 2

    def painter(self) -> Painter:
        """Return the function that blurs the faces of a frame."""
        from PIL.Image import fromarray

        def blurred(pixels: np.ndarray) -> np.ndarray:
            picture = fromarray(pixels)
            faces = faces_in(picture)
            return np.asarray(with_blurred(picture, faces, self.blur, self.radius)) if faces else pixels

        return blurred


@dataclass(frozen=True)
class BlurredClipsWithFaces(ClipFeature[tuple[ClipWithBlurredFaces, ...]]):
    """Blur the faces of the clips that have some in any frame."""

    decoded_for: ClassVar[None] = None

    new: ClipWithBlurredFaces

    def load(self) -> None:
        """Load the detector."""
        Faces().load()

    def __call__(self, clip: OpenClip) -> tuple[ClipWithBlurredFaces, ...]:
        """Return the new file; none for a clip without faces."""
        from PIL.Image import fromarray

        with open_container(clip.location) as source:
            for frame in decoded(source, known(next(iter(source.streams.video), None))):
                clip.still_alive()
                if faces_in(fromarray(frame.to_ndarray(format="rgb24"))):
                    return (self.new,)
        return ()
