"""Damaged files: found by size and checksum, and reported in one line with the fix."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import NamedTuple

from dj_assets.errors import DamagedError

_READ_BYTES = 1 << 20


class Sum(NamedTuple):
    """Hold size and CRC-32 of a file when it was written; the CRC-32 detects every flipped byte.

    Neither DuckDB nor Arrow notices most of them: half give other values without an error. Records of a time that
    knew no checksums have None.
    """

    bytes: int
    crc32: int | None

    @classmethod
    def of(cls, path: Path) -> Sum:
        """Read a file to its end; 0 bytes where there is none."""
        size, crc = 0, 0
        try:
            with path.open("rb", buffering=0) as file:
                while data := file.read(_READ_BYTES):
                    size, crc = size + len(data), zlib.crc32(data, crc)
        except FileNotFoundError:
            return cls(0, None)
        return cls(size, crc)

    def fits(self, path: Path) -> bool:
        """Return whether a file is there in its full length, without reading it."""
        return path.exists() and path.stat().st_size == self.bytes

    def is_of(self, path: Path) -> bool:
        """Return whether a file is there with every byte."""
        return self.fits(path) and (self.crc32 is None or Sum.of(path) == self)


def require_sound(path: Path, written: Sum, cure: str) -> None:
    """Raise where a file is missing or is not what was written.

    Raises
    ------
    DamagedError
        Naming the file and the cure.
    """
    if not written.is_of(path):
        raise DamagedError(f"{path}: is {'damaged' if path.exists() else 'missing'}; {cure}")
