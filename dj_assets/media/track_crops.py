"""Crops of one person of a clip, frame by frame: the face, or the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature

# The number of a frame, and a box in it: x1, y1, x2, y2 in pixels.
FrameBox = tuple[int, float, float, float, float]


@dataclass(frozen=True)
class TrackCrops(ClipFeature[np.ndarray]):
    """Cut squares around boxes out of frames, scaled to an edge of `edge` pixels.

    The side of a square is `1 + context` times the longer side of its box. It is black outside of the frame. With
    `grey`, the middle half of each square in grey is returned: that of a face without its surroundings.
    """

    boxes: tuple[FrameBox, ...]
    edge: int = 224
    context: float = 0.0
    grey: bool = False

    def __call__(self, clip: OpenClip) -> np.ndarray:
        """Return the crops, `uint8`, shape `(boxes, edge, edge, 3)`; with `grey`, `(boxes, edge / 2, edge / 2)`."""
        import cv2

        frames = clip.rgb([number for number, *_ in self.boxes])
        crops = []
        for frame, (_, *box) in zip(frames, self.boxes, strict=True):
            clip.alive()
            crop = cv2.resize(square(frame, box, self.context), (self.edge, self.edge), interpolation=cv2.INTER_AREA)
            if self.grey:
                quarter = self.edge // 4
                middle = np.ascontiguousarray(crop[quarter : self.edge - quarter, quarter : self.edge - quarter])
                crop = cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY)
            crops.append(crop)
        return np.array(crops, np.uint8)


def square(frame: np.ndarray, box: list[float], context: float) -> np.ndarray:
    """Return the square around a box, black outside of the frame; at least one pixel."""
    x1, y1, x2, y2 = box
    half = max(1.0, max(x2 - x1, y2 - y1) * (1 + context) / 2)
    left, top = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half)
    side = max(1, round(2 * half))
    canvas = np.zeros((side, side, 3), np.uint8)
    height, width = frame.shape[:2]
    low_x, low_y = max(0, left), max(0, top)
    high_x, high_y = min(width, left + side), min(height, top + side)
    if low_x < high_x and low_y < high_y:
        canvas[low_y - top : high_y - top, low_x - left : high_x - left] = frame[low_y:high_y, low_x:high_x]
    return canvas
