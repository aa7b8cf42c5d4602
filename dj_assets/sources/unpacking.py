"""Unpacking of gzip and Zstandard streams; everything before a damage is given before the damage is reported."""

from __future__ import annotations

import zlib
from typing import Protocol

import pyarrow as pa

from dj_assets.errors import DjError

_GZIP = b"\x1f\x8b"
# With the only method of compression that there is.
_GZIP_HEADER = b"\x1f\x8b\x08"
# The window of zlib for a gzip header.
_GZIP_WINDOW = 31
_CHUNK_BYTES = 1 << 16


class DamagedStreamError(DjError):
    """A packed stream is cut off or damaged; the message says which, without a place."""

    def __init__(self, problem: str, *, cut_off: bool = False) -> None:
        super().__init__(problem)
        self.cut_off = cut_off


class Raw(Protocol):
    """Interface of a file that is read once, from start to end."""

    @property
    def closed(self) -> bool:
        """Return whether the file is closed."""

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; empty at the end."""

    def close(self) -> None:
        """Close the file."""


class _Member(Protocol):
    """Interface of the decompressor of zlib, whose class is private."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def copy(self) -> _Member: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class Gzip:
    """Unpack all members of a gzip stream. As in gzip, zeros and other bytes after the last member are ignored."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._member: _Member = zlib.decompressobj(_GZIP_WINDOW)
        self._packed = b""
        self._damage: DamagedStreamError | None = None
        self._given = 0
        # The offset in the content at which the member begins that is being read.
        self.member_start = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; empty at the end.

        Raises
        ------
        DamagedStreamError
            If the stream is cut off or damaged, once everything before is read.
        """
        while self._damage is None:
            if self._member.eof and not self._next_member():
                return b""
            self._packed = self._packed or self._raw.read(_CHUNK_BYTES)
            if not self._packed:
                self._damage = DamagedStreamError("breaks off", cut_off=True)
            elif content := self._unpacked(size):
                self._given += len(content)
                return content
        raise self._damage

    def resume(self) -> bool:
        """Skip the rest of a member; return whether another one may begin after it, which is read then.

        Raises
        ------
        DamagedStreamError
            If the stream is cut off.
        """
        if self._damage is not None and self._damage.cut_off:
            raise self._damage
        self._damage = None
        packed = self._packed[1:]
        while (at := packed.find(_GZIP_HEADER)) < 0:
            more = self._raw.read(_CHUNK_BYTES)
            if not more:
                return self._end()
            packed = packed[-len(_GZIP_HEADER) + 1 :] + more
        self._packed = packed[at:]
        self._begin_member()
        return True

    def _begin_member(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self.member_start = self._given

    def _next_member(self) -> bool:
        """Skip zeros after a member; return whether another one begins there."""
        self._packed = self._member.unused_data.lstrip(b"\0")
        while len(self._packed) < len(_GZIP) and (more := self._raw.read(_CHUNK_BYTES)):
            self._packed = (self._packed + more).lstrip(b"\0")
        self._begin_member()
        if self._packed.startswith(_GZIP):
            return True
        # the checksum of the file covers what is ignored
        while self._raw.read(_CHUNK_BYTES):
            pass
        return self._end()

    def _end(self) -> bool:
        self._packed, self._member = b"", _ended()
        return False

    def _unpacked(self, size: int) -> bytes:
        """Unpack up to `size` bytes of what is read; of damaged bytes, what is before the damage."""
        before = self._member.copy()
        try:
            content = self._member.decompress(self._packed, size)
        except zlib.error as error:
            self._damage = DamagedStreamError(f"is damaged ({str(error).rpartition(': ')[2]})")
            return _up_to_damage(before, self._packed)
        self._packed = self._member.unconsumed_tail
        return content


class Zstandard:
    """Unpack all frames of a Zstandard stream."""

    def __init__(self, raw: Raw) -> None:
        self._content = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")
        self._damage: DamagedStreamError | None = None

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; empty at the end. Raises as `Gzip.read`."""
        if self._damage is None:
            try:
                # a read that fails loses what it has unpacked
                return bytes(self._content.read(min(size, _CHUNK_BYTES)))
            except OSError as error:
                what = "breaks off" if "Truncated" in str(error) else f"is damaged ({error})"
                self._damage = DamagedStreamError(what)
        raise self._damage


def _ended() -> _Member:
    """Return the state after the end of a stream without content."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    member.decompress(zlib.compress(b"", wbits=_GZIP_WINDOW))
    return member


def _up_to_damage(member: _Member, packed: bytes) -> bytes:
    content = b""
    for at in range(len(packed)):
        try:
            content += member.decompress(packed[at : at + 1])
        except zlib.error:
            break
    return content
