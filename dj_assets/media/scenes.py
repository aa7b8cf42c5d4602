"""Scenes of clips: where they are cut, by the detectors of PySceneDetect."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.clip_parts import MOST_PARTS, ClipPart
from dj_assets.media.feature import ClipFeature

Detector = Literal["ContentDetector", "ThresholdDetector", "AdaptiveDetector"]
# Frames are scaled to this width before they are compared, as by PySceneDetect itself.
_WIDTH = 256


@dataclass(frozen=True)
class PartsByScenes(ClipFeature[tuple[ClipPart, ...]]):
    """Cut a clip into its scenes.

    `detector` names a detector of PySceneDetect with its `threshold`; a scene has at least `min_scene_len` frames.
    """

    detector: Detector = "ContentDetector"
    threshold: float = 27.0
    min_scene_len: int = 15

    def __call__(self, clip: OpenClip) -> tuple[ClipPart, ...]:
        """Return the scenes in their order; none for a clip of one scene.

        Raises
        ------
        MediaError
            If there are more than 10,000 scenes.
        """
        starts = [0.0, *self._cuts_s(clip)]
        if len(starts) > MOST_PARTS:
            raise MediaError(f"has {len(starts):,} scenes, more than {MOST_PARTS:,}")
        stops = [*starts[1:], None]
        return tuple(map(ClipPart, starts, stops)) if len(starts) > 1 else ()

    def _cuts_s(self, clip: OpenClip) -> list[float]:
        from scenedetect.common import FrameTimecode

        rate = Fraction(clip.fps or 25).limit_denominator(1_000_000)
        detector = self._made()
        cuts = []
        numbers = range(len(clip.decoder))
        positions = [FrameTimecode(number, rate) for number in numbers]
        for position, frame in zip(positions, clip.rgb(numbers), strict=True):
            cuts += detector.process_frame(position, _small(frame))
        if positions:
            cuts += detector.post_process(positions[-1])
        times = clip.decoder.starts_s
        return sorted({float(times[cut.frame_num]) for cut in cuts if 0 < cut.frame_num < len(times)})

    def _made(self) -> Any:  # noqa: ANN401 - the package has no types
        from scenedetect import detectors

        if self.detector == "AdaptiveDetector":
            return detectors.AdaptiveDetector(adaptive_threshold=self.threshold, min_scene_len=self.min_scene_len)
        return getattr(detectors, self.detector)(threshold=self.threshold, min_scene_len=self.min_scene_len)


def _small(frame: np.ndarray) -> np.ndarray:
    """Return a frame as detectors take it: blue, green, red, at most 256 pixels wide."""
    import cv2

    height, width = frame.shape[:2]
    picture = np.ascontiguousarray(frame[:, :, ::-1])
    if width <= _WIDTH:
        return picture
    return cv2.resize(picture, (_WIDTH, max(1, round(height * _WIDTH / width))), interpolation=cv2.INTER_LINEAR)
