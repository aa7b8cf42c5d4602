"""One open sound: its bytes, and its samples decoded by PyAV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from dj_assets.errors import MediaError
from dj_assets.media.containers import open_sound
from dj_assets.media.handed import Content

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

# Frames between two signs of life of the decoder; a frame is some 20 ms of sound.
_FRAMES_A_SIGN = 500


class OpenSound:
    """Hold an open sound for its features: an audio file, or the first sound of a clip.

    A feature that takes long calls `alive` now and then: this restarts its time limit.
    """

    def __init__(self, location: Content) -> None:
        self.location = location
        self.alive: Callable[[], None] = _quiet
        self._close = ExitStack()

    @property
    def file_bytes(self) -> int:
        """Return the size of the file in bytes, without opening it."""
        return self.location.file_bytes

    @property
    def has_sound(self) -> bool:
        """Return whether the file has a sound; a clip may have none."""
        return bool(self._container.streams.audio)

    @cached_property
    def duration(self) -> float:
        """Return the seconds of the decoded samples; headers of compressed files may be wrong.

        Raises
        ------
        MediaError
            If the file has no sound, or cannot be decoded.
        """
        samples: Counter[int] = Counter()
        for frame in self.frames():
            samples[frame.sample_rate] += frame.samples
        return sum(number / rate for rate, number in samples.items())

    def frames(self) -> Iterator[AudioFrame]:
        """Yield the decoded frames of the first sound.

        Raises
        ------
        MediaError
            If the file has no sound, or cannot be decoded.
        """
        import av

        stream = next(iter(self._container.streams.audio), None)
        if stream is None:
            raise MediaError("has no sound")
        try:
            for number, frame in enumerate(self._container.decode(stream)):
                if number % _FRAMES_A_SIGN == 0:
                    self.alive()
                yield frame
        except av.FFmpegError as error:
            raise MediaError(f"is damaged: {error.strerror}") from None

    @cached_property
    def _container(self) -> InputContainer:
        return self._close.enter_context(open_sound(self.location))

    def close(self) -> None:
        """Close the file."""
        self._close.close()
        self.alive = _quiet
        self.__dict__.pop("_container", None)

    def __enter__(self) -> OpenSound:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _quiet() -> None:
    """Ignore signs of life of a feature."""
