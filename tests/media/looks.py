"""Looks that do to the reading process what hostile files do."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from dj_assets.media.clip import OpenClip
from dj_assets.media.image import OpenImage
from dj_assets.media.look import ClipLook, ImageLook


@dataclass(frozen=True)
class Dies(ImageLook[int]):
    """Dies by a signal where the file's name says so."""

    signal: int = signal.SIGSEGV

    def __call__(self, image: OpenImage) -> int:
        if "bad" in image.place.path:
            os.kill(os.getpid(), self.signal)
        return image.file_bytes


@dataclass(frozen=True)
class Hangs(ImageLook[int]):
    def __call__(self, image: OpenImage) -> int:
        if "bad" in image.place.path:
            time.sleep(600)
        return image.file_bytes


@dataclass(frozen=True)
class Grows(ImageLook[int]):
    def __call__(self, image: OpenImage) -> int:
        if "bad" in image.place.path:
            return int(np.ones(1 << 40, np.uint8)[0])
        return image.file_bytes


@dataclass(frozen=True)
class Raises(ImageLook[int]):
    def __call__(self, image: OpenImage) -> int:
        raise ZeroDivisionError("by nought")


@dataclass(frozen=True)
class SlowButAlive(ClipLook[int]):
    def __call__(self, clip: OpenClip) -> int:
        for _ in range(8):
            time.sleep(0.2)
            clip.alive()
        return 8


@dataclass(frozen=True)
class Decodes(ClipLook[int]):
    """Counts how often frames were decoded before."""

    numbers: tuple[int, ...]

    def frames(self, clip: OpenClip) -> tuple[int, ...]:
        return self.numbers

    def __call__(self, clip: OpenClip) -> int:
        calls = 0
        decode = clip.decoder.decode

        def counted(numbers: list[int]) -> np.ndarray:
            nonlocal calls
            calls += 1
            return decode(numbers)

        clip.decoder.decode = counted
        assert [frame.shape for frame in clip.rgb(self.numbers)] == [(clip.height, clip.width, 3)] * len(self.numbers)
        clip.decoder.decode = decode
        return calls


@dataclass(frozen=True)
class ProcessId(ImageLook[int]):
    def __call__(self, image: OpenImage) -> int:
        return os.getpid()


@dataclass(frozen=True)
class ResidentMegabytes(ClipLook[float]):
    def __call__(self, clip: OpenClip) -> float:
        import psutil

        return psutil.Process().memory_info().rss / 1e6
