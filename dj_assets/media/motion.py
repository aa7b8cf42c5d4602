"""Measure the motion in a clip: optical flow between frames at a distance in time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import ClassVar

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.captures import Capture
from dj_assets.media.clip import OpenClip
from dj_assets.media.decoders import capture_of
from dj_assets.media.feature import ClipFeature, Purpose
from dj_assets.media.optical_flow import Farneback
from dj_assets.media.positions import Positions

NO_PAIR = -1.0
# Digits after these differ from run to run: they depend on the memory addresses of the frames.
_DECIMALS = 6


@dataclass(frozen=True)
class Resizing:
    """Hold the target size of frames: short edge, or shortest and longest; the cap of the long edge; a divisor."""

    size: tuple[int, ...] = ()
    max_size: int | None = None
    divisible: int = 1

    def target(self, height: int, width: int) -> tuple[int, int]:
        """Return the target size, in the order of the given one; sides are truncated to whole pixels."""
        short, long = sorted((height, width))
        if len(self.size) > 1:
            short, long = sorted(self.size)
        elif self.size:
            short, long = self.size[0], int(self.size[0] * long / short)
        if self.max_size is not None and long > self.max_size:
            short, long = int(self.max_size * short / long), self.max_size
        sides = (short, long) if height <= width else (long, short)
        first, second = (side - side % self.divisible for side in sides)
        return first, second


@dataclass(frozen=True)
class MotionScore(ClipFeature[float]):
    """Compute the mean length of the flow between sampled frames, in pixels, or in frame diagonals if `relative`.

    Frames 0 and 1 and every `step`-th frame are sampled. Data-Juicer seeks them; here one pass decodes them.
    """

    decoded_for: ClassVar[Purpose] = "motion"

    sampling_fps: float = 2.0
    resizing: Resizing = Resizing()
    relative: bool = False
    flow: Farneback = field(default_factory=Farneback)

    def load(self) -> None:
        """Load the kernels of the flow."""
        for _ in self.flow.lengths(iter([np.zeros((2, 2), np.uint8)] * 2)):
            pass

    def __call__(self, clip: OpenClip) -> float:
        """Return the score; -1 if the clip has one frame. A clip that was cut off fails."""
        return self.of_capture(clip, capture_of(clip))

    def of_capture(self, clip: OpenClip, capture: Capture) -> float:
        """Return the score by the frames of one decoder, which is closed then.

        Raises
        ------
        MediaError
            If the clip was cut off, has no frame rate, or has several frames of which no two can be decoded.
        """
        with closing(capture):
            positions = Positions.of(clip, capture.fps, capture.count)
            frames = len(positions.numbers)
            clip.refuse_cut_off(frames)
            if frames > 1 and capture.fps <= 0:
                raise MediaError("does not tell how many frames it has per second")
            score = self._score(self._greys(capture, positions.sampled(self.sampling_fps)), clip)
        if score == NO_PAIR and frames > 1:
            raise MediaError(f"is damaged: {capture.name} decodes no two of its {frames:,} frames")
        return score

    def _score(self, greys: Iterator[np.ndarray], clip: OpenClip) -> float:
        first = next(greys, None)
        if first is None:
            return NO_PAIR
        unit = math.hypot(*first.shape) if self.relative else 1
        lengths = []
        for length in self.flow.lengths(chain([first], greys)):
            clip.alive()
            lengths.append(length / unit)
        return round(float(np.mean(lengths)), _DECIMALS) if lengths else NO_PAIR

    def _greys(self, capture: Capture, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield frames in the given order, in grey; numbers may go back a little; stop at the end of the clip."""
        last_use = {number: location for location, number in enumerate(numbers)}
        held: dict[int, np.ndarray] = {}
        read = -1
        for location, number in enumerate(numbers):
            while read < number:
                if not capture.grab():
                    return
                read += 1
                if read in last_use:
                    held[read] = self._grey(capture.retrieve())
            yield held[number]
            if last_use[number] == location:
                del held[number]

    def _grey(self, frame: np.ndarray) -> np.ndarray:
        import cv2

        height, width = frame.shape[:2]
        target = self.resizing.target(height, width)
        if target != (height, width):
            # height and width are swapped here, as they are in Data-Juicer: thresholds were tuned with it
            frame = cv2.resize(frame, target, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
