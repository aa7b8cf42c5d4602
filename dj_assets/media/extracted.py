"""Frames of clips as image files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature
from dj_assets.media.making import NewClip

FrameSampling = Literal["all_keyframes", "all_frames", "uniform"]
# A clip that would give more files is refused.
_MOST_FRAMES = 10_000


@dataclass(frozen=True)
class FrameFile(NewClip):
    """Make a JPEG file of the frame with a number, counted from 0 in the order of presentation."""

    suffix: ClassVar[str] = ".jpg"

    number: int

    def frames(self, clip: OpenClip) -> Sequence[int]:  # noqa: ARG002
        """Return the number of the frame."""
        return (self.number,)

    def __call__(self, clip: OpenClip) -> bytes:
        """Return the content of the new file."""
        from PIL.Image import fromarray

        content = io.BytesIO()
        [frame] = clip.rgb((self.number,))
        fromarray(frame).save(content, "JPEG")
        return content.getvalue()


@dataclass(frozen=True)
class ExtractedFrames(ClipFeature[tuple[FrameFile, ...]]):
    """Extract key frames, all frames, or `count` frames at equal distances; these of every `window_s` seconds, if any.

    In a window, the frames are at equal distances by their number, and the first and the last are among them.
    """

    sampling: FrameSampling = "all_keyframes"
    count: int = 3
    window_s: float = 0

    def __call__(self, clip: OpenClip) -> tuple[FrameFile, ...]:
        """Return the files in the order of the frames.

        Raises
        ------
        MediaError
            If there are more than 10,000 frames.
        """
        numbers = self._numbers(clip)
        if len(numbers) > _MOST_FRAMES:
            raise MediaError(f"gives {len(numbers):,} frames, more than {_MOST_FRAMES:,}")
        return tuple(FrameFile(int(number)) for number in numbers)

    def _numbers(self, clip: OpenClip) -> Sequence[int]:
        if self.sampling == "all_keyframes":
            return clip.key_frames
        if self.sampling == "all_frames":
            return range(len(clip.decoder))
        if not self.window_s:
            return list(dict.fromkeys(clip.uniform(self.count)))
        windows = np.floor_divide(np.asarray(clip.decoder.starts_s), self.window_s)
        chosen: list[int] = []
        for window in np.unique(windows):
            inside = np.flatnonzero(windows == window)
            count = min(self.count, len(inside))
            middle = [len(inside) // 2] if count == 1 else np.linspace(0, len(inside) - 1, count).round().astype(int)
            chosen += inside[middle].tolist()
        return chosen
