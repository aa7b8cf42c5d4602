"""Features that do to the reading process what hostile files do."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dj_assets.media import image as image_module
from dj_assets.media.clip import OpenClip
from dj_assets.media.faces import Face
from dj_assets.media.feature import ClipFeature, ImageFeature
from dj_assets.media.image import OpenImage


@dataclass(frozen=True)
class Dies(ImageFeature[int]):
    """Dies by a signal where the file's name says so."""

    signal: int = signal.SIGSEGV

    def __call__(self, image: OpenImage) -> int:
        if "bad" in image.location.path:
            os.kill(os.getpid(), self.signal)
        return image.file_bytes


def _arrive(mark: str, times: int) -> EndsOnArrival:
    path = Path(mark)
    before = len(path.read_text()) if path.exists() else 0
    if before < times:
        path.write_text("x" * (before + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return EndsOnArrival(mark, times)


@dataclass(frozen=True)
class EndsOnArrival(ImageFeature[int]):
    """Kills the process a number of times as the request arrives, as a system that is short of memory may do."""

    mark: str
    times: int

    def __reduce__(self) -> tuple[Callable[[str, int], EndsOnArrival], tuple[str, int]]:
        return _arrive, (self.mark, self.times)

    def __call__(self, image: OpenImage) -> int:
        return image.file_bytes


@dataclass(frozen=True)
class CannotArrive(ImageFeature[int]):
    """Cannot be read by the process, as a module that it may not open."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _refuse, ()

    def __call__(self, image: OpenImage) -> int:
        return image.file_bytes


def _refuse() -> None:
    raise PermissionError("no such module here")


@dataclass(frozen=True)
class Hangs(ImageFeature[int]):
    def __call__(self, image: OpenImage) -> int:
        if "bad" in image.location.path:
            time.sleep(600)
        return image.file_bytes


@dataclass(frozen=True)
class Grows(ImageFeature[int]):
    def __call__(self, image: OpenImage) -> int:
        if "bad" in image.location.path:
            return int(np.ones(1 << 40, np.uint8)[0])
        return image.file_bytes


@dataclass(frozen=True)
class Raises(ImageFeature[int]):
    def __call__(self, image: OpenImage) -> int:
        raise ZeroDivisionError("by nought")


@dataclass(frozen=True)
class SlowButAlive(ClipFeature[int]):
    def __call__(self, clip: OpenClip) -> int:
        for _ in range(8):
            time.sleep(0.2)
            clip.alive()
        return 8


@dataclass(frozen=True)
class Decodes(ClipFeature[int]):
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
class ProcessId(ImageFeature[int]):
    def __call__(self, image: OpenImage) -> int:
        return os.getpid()


@dataclass(frozen=True)
class IsPlain(ImageFeature[bool]):
    def __call__(self, image: OpenImage) -> bool:
        return image.is_plain


@dataclass(frozen=True)
class ResidentMegabytes(ClipFeature[float]):
    def __call__(self, clip: OpenClip) -> float:
        import psutil

        return psutil.Process().memory_info().rss / 1e6


@dataclass(frozen=True)
class Attempts(ImageFeature[dict[str, str]]):
    """Tries what code that took over a decoder would try; returns how each attempt ended."""

    outside: str
    port: int

    def __call__(self, image: OpenImage) -> dict[str, str]:
        attempts: dict[str, Callable[[], object]] = {
            "read": lambda: Path(self.outside).read_bytes(),
            "read its own file": lambda: Path(image.location.path).read_bytes(),
            "list": lambda: list(Path(self.outside).parent.iterdir()),
            "write": lambda: Path(self.outside).with_name("new").write_bytes(b"x"),
            "write to a cache": lambda: (Path(image_module.__file__).parent / "new.nbi").write_bytes(b"x"),
            "remove": lambda: Path(self.outside).unlink(),
            "environment": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
            "tcp": lambda: socket.create_connection(("127.0.0.1", self.port), 5),
            "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "unix": lambda: socket.socket(socket.AF_UNIX),
            "program": lambda: subprocess.run(["/bin/true"], check=True),
            "signal": lambda: os.kill(os.getppid(), 0),
            "memory": lambda: Path(f"/proc/{os.getppid()}/mem").open("rb").close(),
            "allowed": lambda: image.size,
        }
        return {name: _outcome(attempt) for name, attempt in attempts.items()}


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


@dataclass(frozen=True)
class Follows(ClipFeature[str]):
    """Opens a file as decord does where it gets bytes: any format, any protocol."""

    def __call__(self, clip: OpenClip) -> str:

        import decord

        with clip.location.open() as content:
            try:
                return f"{len(decord.VideoReader(content))} frames"
            except (RuntimeError, decord.DECORDError) as error:
                return type(error).__name__


@dataclass(frozen=True)
class Calls:
    """Has the process that unpickles it make a folder."""

    folder: str

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.folder,)


@dataclass(frozen=True)
class TakenOver(ImageFeature[Calls]):
    """Answers as a process that a file took over, where the file's name says so."""

    folder: str

    def __call__(self, image: OpenImage) -> Calls | Face:
        return Calls(self.folder) if "bad" in image.location.path else Face(1, 2, 3, 4)
