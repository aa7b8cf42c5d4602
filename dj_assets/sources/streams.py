"""The byte stream of a source file: hashed, counted and decompressed, with peek and unread."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from io import RawIOBase
from types import TracebackType
from typing import IO

from dj_assets.errors import DjError, UnreadableFileError
from dj_assets.sources.file_kinds import HEAD_BYTES, mistaken_content, mistaken_packing
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.unpacking import DamagedStreamError, Gzip, Zstandard
from dj_assets.stores.path import SourcePath

_BOM = b"\xef\xbb\xbf"
_CODECS = {"gz": "gzip", "zst": "zstd"}


class BrokenStreamError(DjError):
    """A compressed stream is truncated or damaged; the reader adds the row and reports it to the user."""


class HashedFile:
    """Read a file, and hash and count its bytes.

    Raises
    ------
    UnreadableFileError
        If it cannot be opened, for example because it is gone.
    """

    def __init__(self, path: SourcePath) -> None:
        try:
            self._file: IO[bytes] | RawIOBase = path.open("rb", buffering=0)
        except OSError as error:
            raise UnreadableFileError(f"{path}: cannot be read ({error.strerror or error})") from error
        self._hash = hashlib.sha256()
        self._ahead = b""
        self.consumed_bytes = 0

    def peek(self, size: int) -> bytes:
        """Return up to the first `size` bytes, before any is read."""
        self._ahead = self._file.read(size) or b""
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        if self._ahead and size >= 0:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            data, self._ahead = self._ahead + (self._file.read(size) or b""), b""
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

    Raises
    ------
    UnreadableFileError
        If the file is of another kind than its name says.
    """

    def __init__(self, file: SourceFile) -> None:
        self.raw = HashedFile(file.path)
        self.position = 0
        self._size = file.size
        self._codec = _CODECS[file.compression] if file.compression else None
        self._ahead = b""
        # a peek reads as much as the last read did, which the next read then returns without a copy
        self._usual = 0
        self._require(file, mistaken_packing(file, self.raw.peek(HEAD_BYTES)))
        self._content: Gzip | Zstandard | HashedFile = self.raw
        if file.compression:
            self._content = Gzip(self.raw) if file.compression == "gz" else Zstandard(self.raw)
        with suppress(BrokenStreamError):
            self._require(file, mistaken_content(file, self.peek(HEAD_BYTES)))
            self._skip_mark()

    def _require(self, file: SourceFile, mistake: str | None) -> None:
        if mistake is not None:
            self.raw.close()
            raise UnreadableFileError(f"{file.path}: {mistake}")

    def _skip_mark(self) -> None:
        if self.peek(len(_BOM)) == _BOM:
            self.read(len(_BOM))

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; empty at the end. Raises as `peek`."""
        self._usual = size
        self.peek(size)
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        self.position += len(data)
        return data

    def unread(self, data: bytes) -> None:
        """Put back the bytes that were read last."""
        self._ahead = data + self._ahead
        self.position -= len(data)

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end or before a damage, without consuming them.

        Raises
        ------
        BrokenStreamError
            If the damage is the next byte.
        """
        parts, missing = [self._ahead], size - len(self._ahead)
        while missing > 0:
            try:
                more = self._decompressed(missing if parts[0] else max(missing, self._usual), size - missing)
            except BrokenStreamError:
                if missing < size:
                    break
                raise
            if not more:
                break
            parts.append(more)
            missing -= len(more)
        self._ahead = b"".join(parts)
        return self._ahead[:size]

    @property
    def member_start(self) -> int:
        """Return the offset in the content at which the gzip member begins that is being read; 0 of another file."""
        return self._content.member_start if isinstance(self._content, Gzip) else 0

    @property
    def resumable(self) -> bool:
        """Return whether the stream can be read on after a damage: gzip begins again with each member."""
        return isinstance(self._content, Gzip)

    def resume(self) -> bool:
        """Go on after a damage of a gzip stream, with what may be its next member; return whether there is one.

        Raises
        ------
        BrokenStreamError
            If the stream is cut off.
        """
        if not isinstance(self._content, Gzip):
            return False
        self._ahead = b""
        try:
            return self._content.resume()
        except DamagedStreamError as error:
            raise self._broken(error, 0) from error

    def _decompressed(self, size: int, ahead: int) -> bytes:
        """Return up to `size` bytes from `ahead` bytes after the position."""
        try:
            return self._content.read(size)
        except DamagedStreamError as error:
            raise self._broken(error, ahead) from error

    def _broken(self, error: DamagedStreamError, ahead: int) -> BrokenStreamError:
        return BrokenStreamError(
            f"the {self._codec} stream {error} near byte {self.raw.consumed_bytes} of {self._size}"
            f" (byte {self.position + ahead} of the content)"
        )

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.raw.close()
