"""Frames of a clip at a small size, for detectors that run outside of the process that decodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature


@dataclass(frozen=True)
class SmallFrames(ClipFeature[np.ndarray]):
    """Scale every `step`-th frame of a clip to a longer side of at most `longest` pixels; or `count` even ones."""

    longest: int = 320
    step: int = 1
    count: int | None = None

    def __call__(self, clip: OpenClip) -> np.ndarray:
        """Return the frames, `uint8`, shape `(frames, height, width, 3)`."""
        import cv2

        numbers = range(0, len(clip.decoder), self.step) if self.count is None else clip.uniform(self.count)
        frames = []
        for frame in clip.rgb(list(numbers)):
            clip.alive()
            height, width = frame.shape[:2]
            scale = min(1.0, self.longest / max(height, width))
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            frames.append(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
        return np.array(frames, np.uint8)
