"""Faces in all frames of clips, for the tracks of people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.faces import faces_in
from dj_assets.media.feature import ClipFeature

# Frames a second of a clip whose header has none.
USUAL_RATE = 25.0
# Frames are scaled down to this longer side: the smallest face that is found has 80 pixels then.
_LONGEST = 640


@dataclass(frozen=True)
class FoundFaces:
    """Hold the faces of all frames of a clip.

    `boxes` has `x1, y1, x2, y2` in pixels of the clip for every face, `float64`, shape `(faces, 4)` for each frame.
    """

    fps: float
    width: int
    height: int
    boxes: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class ClipFaces(ClipFeature[FoundFaces]):
    """Find the frontal faces in all frames of a clip."""

    longest: int = _LONGEST

    def __call__(self, clip: OpenClip) -> FoundFaces:
        """Return the faces of every frame, at the real frame rate of the clip."""
        boxes = []
        width = height = 0
        for frame in clip.rgb(range(len(clip.decoder))):
            clip.alive()
            height, width = frame.shape[:2]
            boxes.append(_boxes(frame, self.longest))
        return FoundFaces(clip.fps or USUAL_RATE, width, height, tuple(boxes))


def _boxes(frame: np.ndarray, longest: int) -> np.ndarray:
    """Return the faces in a frame from left to right, `float64`, shape `(faces, 4)`."""
    from PIL.Image import fromarray

    height, width = frame.shape[:2]
    scale = min(1.0, longest / max(height, width))
    picture = fromarray(frame)
    small = picture if scale == 1 else picture.resize((max(1, round(width * scale)), max(1, round(height * scale))))
    sides = [(face.left, face.top, face.left + face.width, face.top + face.height) for face in faces_in(small)]
    return np.asarray(np.array(sides, float).reshape(-1, 4) / scale)
