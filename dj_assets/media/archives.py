"""Read the members of tar archives whose headers may be damaged, or made to mislead."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, Protocol, cast

# Long names and extended headers of real archives have a few kilobytes. Parsing them takes quadratic time.
MOST_HEADER_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20
_EMPTY_READS = 100
_HEADERS = frozenset(
    (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )
)


class DamagedArchiveError(tarfile.ReadError):
    """An archive is cut off or damaged; the message says where."""


class Member(tarfile.TarInfo):
    """Read a header of a member; a damaged one is an error, which `tarfile` takes for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Member:
        """Return the member of a header.

        Raises
        ------
        DamagedArchiveError
            If it is no header, or says that it continues over more than `MOST_HEADER_BYTES`.
        """
        try:
            member = super().frombuf(buf, encoding, errors)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise DamagedArchiveError(str(error)) from None
        if member.size < 0:
            raise DamagedArchiveError(f"a member of {member.size} bytes")
        if member.type in _HEADERS and member.size > MOST_HEADER_BYTES:
            raise DamagedArchiveError(f"a header of {member.size} bytes, more than {MOST_HEADER_BYTES}")
        return member


class Readable(Protocol):
    """Interface of a stream that is read once."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; empty at the end."""


class Ending:
    """Pass on a stream, and refuse to be read on and on after its end.

    To skip a member in a stream, `tarfile` reads as often as its header says, which may be forever.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._empty = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; empty at the end."""
        data = self._stream.read(size)
        self._empty += not data
        if self._empty > _EMPTY_READS:
            raise DamagedArchiveError("unexpected end of data")
        return data


def streamed(stream: Readable) -> tarfile.TarFile:
    """Open an archive that is read once, from start to end."""
    return tarfile.open(fileobj=cast("IO[bytes]", Ending(stream)), mode="r|", bufsize=_CHUNK_BYTES, tarinfo=Member)


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive that was opened with `tarinfo=Member`, in their order.

    Raises
    ------
    DamagedArchiveError
        At the first member that is damaged.
    """
    try:
        for member in archive:
            if archive.offset <= member.offset:
                # it would be read again and again
                raise DamagedArchiveError(f"the member {member.name[:100]!r} has a negative size")
            yield member
    except tarfile.TarError as error:
        raise DamagedArchiveError(str(error)) from None
    except (ValueError, IndexError, OverflowError, RecursionError) as error:
        raise DamagedArchiveError(f"a header that cannot be read: {error}") from None
