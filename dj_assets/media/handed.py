"""Bytes of an image or a clip as the process that decodes gets them: held, or a part of a file that others opened."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Protocol

_BUFFER_BYTES = 64 * 1024


class Content(Protocol):
    """Anything that a feature may be computed from: it opens, knows its size, and has a name for people."""

    @property
    def path(self) -> str:
        """The name; nothing is opened by it."""

    @property
    def file_bytes(self) -> int:
        """How many bytes there are."""

    def open(self) -> IO[bytes]:
        """Open the bytes, to be read from anywhere."""


@dataclass(frozen=True)
class Handed:
    """Bytes that were handed over: `content`, or `file_bytes` bytes from `offset` of the open file `descriptor`.

    `path` is their name for people; the process cannot open it. A descriptor that is `by_path` may be opened again as
    `/proc/self/fd/<descriptor>`: the sandbox was made for it.
    """

    path: str
    file_bytes: int
    content: bytes | None = None
    descriptor: int = -1
    offset: int = 0
    by_path: bool = False

    def open(self) -> IO[bytes]:
        """Open the bytes, to be read from anywhere; several can be open at a time."""
        if self.content is not None:
            return io.BytesIO(self.content)
        part = _Part(self.descriptor, self.offset, self.file_bytes, f"file{PurePath(self.path).suffix}")
        return io.BufferedReader(part, _BUFFER_BYTES)


def local_path(content: Content, close: ExitStack) -> str:
    """Return a path for libraries that open files themselves, valid until `close` is closed.

    It never names the file: it names an open descriptor, of the file where it may be opened again, else of a copy
    without a name, in memory where the system can.
    """
    if isinstance(content, Handed) and content.by_path:
        return _path_of(content.descriptor)
    copy = close.enter_context(_nameless())
    with content.open() as original:
        shutil.copyfileobj(original, copy, 1 << 20)
    copy.flush()
    return _path_of(copy.fileno())


def _nameless() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("media"), "w+b")
    return tempfile.TemporaryFile()


def _path_of(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}" if os.path.isdir("/proc/self/fd") else f"/dev/fd/{descriptor}"  # noqa: PTH112


class _Part(io.RawIOBase):
    """A part of an open file with a position of its own: the descriptor may be shared."""

    def __init__(self, descriptor: int, offset: int, length: int, name: str) -> None:
        # decoders that guess by the ending of a name see it
        self.name = name
        self._descriptor, self._offset, self._length, self._position = descriptor, offset, length, 0

    def readable(self) -> bool:
        """Say so."""
        return True

    def seekable(self) -> bool:
        """Say so."""
        return True

    def tell(self) -> int:
        """Return the position within the part."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move within the part, or behind its end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as there are bytes."""
        length = min(len(buffer), max(0, self._length - self._position))
        if not length:
            return 0
        count = os.preadv(self._descriptor, [memoryview(buffer)[:length]], self._offset + self._position)
        self._position += count
        return count
