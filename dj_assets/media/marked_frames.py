"""Frames of a clip at even distances, with a red box around one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature
from dj_assets.media.track_crops import FrameBox

_RED = (255, 0, 0)


@dataclass(frozen=True)
class Moments:
    """Hold frames, `uint8`, shape `(frames, height, width, 3)`, and the second at which each of them is shown."""

    pixels: np.ndarray
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class MarkedFrames(ClipFeature[Moments]):
    """Take `count` frames at even distances in time, scale them to a longer side of at most `longest` pixels.

    A frame for which `boxes` has a box gets a red one around it.
    """

    count: int = 8
    longest: int = 448
    boxes: tuple[FrameBox, ...] = ()

    def __call__(self, clip: OpenClip) -> Moments:
        """Return the frames and their seconds."""
        import cv2

        marked = {number: box for number, *box in self.boxes}
        numbers = clip.uniform(self.count)
        frames = []
        for number, frame in zip(numbers, clip.rgb(numbers), strict=True):
            clip.alive()
            height, width = frame.shape[:2]
            scale = min(1.0, self.longest / max(height, width))
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            if number in marked:
                left, top, right, bottom = (round(side * scale) for side in marked[number])
                cv2.rectangle(small, (left, top), (right, bottom), _RED, 3)
            frames.append(small)
        fps = clip.fps or 1.0
        return Moments(np.array(frames, np.uint8), tuple(round(number / fps, 2) for number in numbers))
