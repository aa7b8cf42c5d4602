"""Cut a stream into complete lines; a single line may have any length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dj_assets.sources.blocks import Piece, Reject
from dj_assets.sources.streams import BrokenStreamError, Stream


class Lines(NamedTuple):
    """Hold consecutive complete lines: number and offset of the first one, and all bytes with line ends."""

    first_row: int
    first_byte: int
    payload: bytes


class Overlong(NamedTuple):
    """Hold the position and length of a record that is longer than allowed; its bytes were skipped."""

    at: Piece
    length: int

    def reject(self, name: str, max_bytes: int) -> Reject:
        """Return the record as a quarantined one."""
        error = f"{self.length} bytes long, more than the {max_bytes} allowed, at {self.at.position}"
        return Reject(self.at.row, f"{name}:{self.at.row}", dropped=False, error=error)


class LineSplitter:
    """Cut a stream into runs of complete lines of about `run_bytes`; lines over `max_line_bytes` are skipped.

    Memory: at most one run and one line of the allowed length. The length of a line is counted without its line end.
    """

    def __init__(self, stream: Stream, run_bytes: int, max_line_bytes: int) -> None:
        self._stream = stream
        self._run_bytes = run_bytes
        self._max_line_bytes = max_line_bytes
        self._row = 0
        self._byte = stream.position

    def __iter__(self) -> Iterator[Lines | Overlong]:
        # what follows the last line end, in the chunks that were read
        carry: list[bytes] = []
        while chunk := self._stream.read(self._run_bytes):
            try:
                is_last = not self._stream.peek(1)
            except BrokenStreamError:
                # the lines before the damage are counted
                read = b"".join((*carry, chunk))
                yield from self._run(read[: read.rfind(b"\n") + 1])
                raise
            # a last line without line end is added to the last run
            cut = len(chunk) if is_last else chunk.rfind(b"\n") + 1
            if cut:
                # the lines are copied once, here
                payload = b"".join((*carry, memoryview(chunk)[:cut]))
                carry = [chunk[cut:]] if cut < len(chunk) else []
                yield from self._run(payload)
                continue
            carry.append(chunk)
            length = sum(map(len, carry))
            if length > self._max_line_bytes:
                carry = []
                yield self._overlong(length + self._skip_line())

    def _run(self, payload: bytes) -> Iterator[Lines | Overlong]:
        """Yield `payload`, cut at lines that are too long."""
        start = 0
        if len(payload) > self._max_line_bytes:
            begin = 0
            for line in payload.split(b"\n"):
                end = begin + len(line)
                if len(line) > self._max_line_bytes:
                    yield from self._whole(payload[start:begin])
                    yield self._overlong(end - begin + (end < len(payload)))
                    start = end + 1
                begin = end + 1
        yield from self._whole(payload[start:])

    def _whole(self, payload: bytes) -> Iterator[Lines]:
        if payload:
            yield Lines(self._row, self._byte, payload)
            self._row += payload.count(b"\n")
            self._byte += len(payload)

    def _overlong(self, length: int) -> Overlong:
        at = Piece(self._row, self._byte, self._row, b"")
        self._row += 1
        self._byte += length
        return Overlong(at, length)

    def _skip_line(self) -> int:
        """Read past the next line end, or to the end; return the number of skipped bytes."""
        skipped = 0
        while chunk := self._stream.read(self._run_bytes):
            end = chunk.find(b"\n") + 1
            if end:
                self._stream.unread(chunk[end:])
                return skipped + end
            skipped += len(chunk)
        return skipped
