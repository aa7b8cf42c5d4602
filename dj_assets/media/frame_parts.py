"""Frames of a clip part by part, for detectors that see every frame and run outside of the process that decodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.clip_faces import USUAL_RATE
from dj_assets.media.feature import ClipFeature


@dataclass(frozen=True)
class FramePart:
    """Hold some frames of a clip, `uint8`, shape `(frames, height, width, 3)`, and facts about the whole clip.

    `width` and `height` are those of the clip in pixels, `length` is its number of frames.
    """

    fps: float
    width: int
    height: int
    length: int
    pixels: np.ndarray


@dataclass(frozen=True)
class FramesFrom(ClipFeature[FramePart]):
    """Take every `step`-th frame from `first` on, at most `count`, with a longer side of at most `longest` pixels."""

    first: int = 0
    step: int = 1
    count: int = 64
    longest: int = 1280

    def __call__(self, clip: OpenClip) -> FramePart:
        """Return the frames; none if the clip ends before the first one."""
        import cv2

        length = len(clip.decoder)
        numbers = range(self.first, length, self.step)[: self.count]
        scale = min(1.0, self.longest / max(clip.height, clip.width))
        size = (max(1, round(clip.width * scale)), max(1, round(clip.height * scale)))
        frames = []
        for frame in clip.rgb(list(numbers)):
            clip.alive()
            fits = frame.shape[:2] == size[::-1]
            frames.append(frame if fits else cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
        pixels = np.array(frames, np.uint8).reshape(-1, size[1], size[0], 3)
        return FramePart(clip.fps or USUAL_RATE, clip.width, clip.height, length, pixels)
