"""The decoder of frames: decord behind one small class, so that it can be replaced."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dj_assets.errors import MediaError

if TYPE_CHECKING:
    from decord import VideoReader


class Frames:
    """Hold the frames of a clip by their number in the order of presentation, upright as players show them.

    Raises
    ------
    MediaError
        If there is no video stream, or the data are damaged.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def __len__(self) -> int:
        return len(self._reader)

    @cached_property
    def starts_s(self) -> np.ndarray:
        """Return the start of each frame, in seconds from the first; `float32`, shape `(frames,)`."""
        return self._stamps[:, 0]

    @property
    def end_s(self) -> float:
        """Return the end of the last frame, in seconds."""
        return float(self._stamps[-1, 1])

    @cached_property
    def keys(self) -> tuple[int, ...]:
        """Return the numbers of the key frames."""
        return tuple(int(key) for key in self._reader.get_key_indices())

    def decode(self, numbers: Sequence[int]) -> np.ndarray:
        """Return frames as RGB, `uint8`, shape `(len(numbers), height, width, 3)`. `numbers` ascend."""
        from decord import DECORDError

        try:
            pixels: np.ndarray = self._reader.get_batch(list(numbers)).asnumpy()
        except DECORDError as error:
            raise MediaError(f"is damaged: {_first_line(error)}") from None
        return pixels

    @cached_property
    def _stamps(self) -> np.ndarray:
        stamps: np.ndarray = np.asarray(self._reader.get_frame_timestamp(range(len(self))))
        return stamps

    @cached_property
    def _reader(self) -> VideoReader:
        import decord

        try:
            reader = decord.VideoReader(self.path, num_threads=1)
        except (RuntimeError, decord.DECORDError) as error:
            raise MediaError(f"is no clip that can be read: {_first_line(error)}") from None
        if not len(reader):
            raise MediaError("has no frames")
        return reader


def _first_line(error: Exception) -> str:
    """Return decord's message without the line of its source code and the trace."""
    return str(error).splitlines()[0].rpartition("] ")[2][:200]
