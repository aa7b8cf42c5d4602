"""Memory that the process that decodes shares with its reader: how far it was when it ended.

The reader gets the outcomes of a file in one message. The process may be killed before that by a later feature of the
file, so it notes here that it has begun with the file, and every outcome.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass

from dj_assets.media.handed import nameless

_BYTES = 1 << 20
# The number of files that were begun, of outcomes of the last one that are sent and that are here, and of their bytes.
_HEAD = struct.Struct("=QQQQ")
_LENGTH = struct.Struct("=Q")


@dataclass(frozen=True)
class Journal:
    """Hold the shared memory; the process that decodes writes it, and the reader reads it after the end of that one."""

    memory: mmap.mmap

    @classmethod
    def new(cls) -> tuple[Journal, int]:
        """Return an empty journal, and a descriptor of its memory, which the caller closes."""
        with nameless() as file:
            os.ftruncate(file.fileno(), _BYTES)
            return cls.at(file.fileno()), os.dup(file.fileno())

    @classmethod
    def at(cls, descriptor: int) -> Journal:
        """Return the journal in the memory of a descriptor."""
        return cls(mmap.mmap(descriptor, _BYTES))

    def begin(self) -> None:
        """Note that the next file is begun."""
        _HEAD.pack_into(self.memory, 0, self.begun + 1, 0, 0, 0)

    def add(self, outcome: bytes) -> bool:
        """Note an outcome of the file; return False if there is no room for it."""
        begun, sent, count, used = _HEAD.unpack_from(self.memory)
        start = _HEAD.size + used
        end = start + _LENGTH.size + len(outcome)
        if end > _BYTES:
            return False
        _LENGTH.pack_into(self.memory, start, len(outcome))
        self.memory[start + _LENGTH.size : end] = outcome
        # counted last: this process may be killed at any moment
        _HEAD.pack_into(self.memory, 0, begun, sent, count + 1, end - _HEAD.size)
        return True

    def clear(self, sent: int) -> None:
        """Forget the outcomes of the file, after `sent` of them were sent."""
        _HEAD.pack_into(self.memory, 0, self.begun, sent, 0, 0)

    @property
    def begun(self) -> int:
        """Return the number of files that were begun."""
        return int(_HEAD.unpack_from(self.memory)[0])

    def outcomes_after(self, received: int) -> list[bytes]:
        """Return the outcomes of the last file that follow those that were received."""
        _, sent, count, _ = _HEAD.unpack_from(self.memory)
        found: list[bytes] = []
        start = _HEAD.size
        # the process may have written anything
        while len(found) < count and start + _LENGTH.size <= _BYTES:
            (length,) = _LENGTH.unpack_from(self.memory, start)
            start += _LENGTH.size
            found.append(self.memory[start : start + length])
            start += length
        return found[max(received - sent, 0) :]

    def close(self) -> None:
        """Release the memory in this process."""
        self.memory.close()
