"""The byte stream of a source file: hashed, counted and decompressed, with peek and unread."""

from __future__ import annotations

import hashlib
from io import RawIOBase
from types import TracebackType
from typing import IO

import pyarrow as pa

from dj_assets.errors import DjError
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.path import SourcePath

_BOM = b"\xef\xbb\xbf"
_CODECS = {"gz": "gzip", "zst": "zstd"}


class BrokenStreamError(DjError):
    """A compressed stream is truncated or damaged; the reader adds the row and reports it to the user."""


class HashedFile:
    """Read a file, and hash and count its bytes."""

    def __init__(self, path: SourcePath) -> None:
        self._file: IO[bytes] | RawIOBase = path.open("rb", buffering=0)
        self._hash = hashlib.sha256()
        self.consumed_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        data = self._file.read(size) or b""
        self._hash.update(data)
        self.consumed_bytes += len(data)
        return data

    @property
    def closed(self) -> bool:
        """Return whether the file is closed."""
        return self._file.closed

    def close(self) -> None:
        """Close the file; its hash stays."""
        self._file.close()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of all bytes read so far, in hexadecimal."""
        return self._hash.hexdigest()


class Stream:
    """Read the decompressed content of a source file once, from start to end, without a byte order mark.

    `position` is the offset of the next byte in the decompressed content. All members of a gzip file and all frames
    of a Zstandard file are read.
    """

    def __init__(self, file: SourceFile) -> None:
        self.raw = HashedFile(file.path)
        self.position = 0
        self._size = file.size
        self._codec = _CODECS[file.compression] if file.compression else None
        opened = pa.PythonFile(self.raw, "r")
        self._content = pa.CompressedInputStream(opened, self._codec) if self._codec else opened
        self._ahead = b""
        if self.peek(len(_BOM)) == _BOM:
            self.read(len(_BOM))

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; empty at the end.

        Raises
        ------
        BrokenStreamError
            If the compressed stream is truncated or damaged.
        """
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(data) < size:
            data += self._decompressed(size - len(data), len(data))
        self.position += len(data)
        return data

    def unread(self, data: bytes) -> None:
        """Put back the bytes that were read last."""
        self._ahead = data + self._ahead
        self.position -= len(data)

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end, without consuming them."""
        while len(self._ahead) < size:
            more = self._decompressed(size - len(self._ahead), len(self._ahead))
            if not more:
                break
            self._ahead += more
        return self._ahead[:size]

    def _decompressed(self, size: int, ahead: int) -> bytes:
        """Return up to `size` bytes from `ahead` bytes after the position."""
        try:
            return bytes(self._content.read(size))
        except OSError as error:
            if self._codec is None:
                raise
            what = "breaks off" if "Truncated" in str(error) else f"is damaged ({error})"
            raise BrokenStreamError(
                f"the {self._codec} stream {what} near byte {self.raw.consumed_bytes} of {self._size}"
                f" (byte {self.position + ahead} of the content)"
            ) from error

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.raw.close()
