"""Bytes of an image or a clip for the process that decodes: in memory, or a part of a file that others opened."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Protocol

from dj_assets.system import descriptor_path

_BUFFER_BYTES = 64 * 1024
# A file of at most this size is read at once.
_SMALL_BYTES = 256 * 1024


class Content(Protocol):
    """Source of the bytes of a feature: it can be opened, has a size, and has a name for people."""

    @property
    def path(self) -> str:
        """Return the name for people; it is not opened."""

    @property
    def file_bytes(self) -> int:
        """Return the number of bytes."""

    def open(self) -> IO[bytes]:
        """Open the bytes for reading from any position."""


@dataclass(frozen=True)
class Handed:
    """Hold bytes that were passed on: `content`, or `file_bytes` bytes from `offset` of the open file `descriptor`.

    `path` is their name for people; the process cannot open it. A descriptor that is `by_path` may be opened again as
    `/proc/self/fd/<descriptor>`, which the sandbox then allows.
    """

    path: str
    file_bytes: int
    content: bytes | None = None
    descriptor: int = -1
    offset: int = 0
    by_path: bool = False

    def open(self) -> IO[bytes]:
        """Open the bytes for reading from any position; several can be open at a time."""
        if self.content is not None:
            return io.BytesIO(self.content)
        name = f"file{PurePath(self.path).suffix}"
        if self.file_bytes <= _SMALL_BYTES:
            return _Small(os.pread(self.descriptor, self.file_bytes, self.offset), name)
        return io.BufferedReader(_Part(self.descriptor, self.offset, self.file_bytes, name), _BUFFER_BYTES)


def local_path(content: Content, close: ExitStack) -> str:
    """Return a path for libraries that open files themselves, valid until `close` is closed.

    It never is the path of the file. It names an open descriptor: of the file if that may be opened again, else of a
    copy without a name, in memory if the system can.
    """
    if isinstance(content, Handed) and content.by_path:
        return descriptor_path(content.descriptor)
    copy = close.enter_context(nameless())
    with content.open() as original:
        shutil.copyfileobj(original, copy, 1 << 20)
    copy.flush()
    return descriptor_path(copy.fileno())


def nameless() -> IO[bytes]:
    """Return a new file without a name, in memory if the system can."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("media"), "w+b")
    return tempfile.TemporaryFile()


class _Small(io.BytesIO):
    """Hold the bytes of a small file, with a name for decoders that guess the format by its suffix."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


class _Part(io.RawIOBase):
    """Read a part of an open file with its own position, since the descriptor may be shared."""

    def __init__(self, descriptor: int, offset: int, length: int, name: str) -> None:
        # decoders that guess the format by the suffix of a name read it
        self.name = name
        self._descriptor, self._offset, self._length, self._position = descriptor, offset, length, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position within the part."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position within the part, or after its end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as bytes are available."""
        length = min(len(buffer), max(0, self._length - self._position))
        if not length:
            return 0
        count = os.preadv(self._descriptor, [memoryview(buffer)[:length]], self._offset + self._position)
        self._position += count
        return count
