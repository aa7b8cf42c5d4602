"""Cut JSON that is not JSON lines into records: the elements of an array, or objects that span several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import orjson

from dj_assets.sources.blocks import Piece
from dj_assets.sources.lines import Overlong
from dj_assets.sources.streams import Stream

Layout = Literal["lines", "array", "objects"]

_PEEK_BYTES = 1 << 20
_ARRAY_OF_OBJECTS = re.compile(rb"\[\s*\{")
_BACKSLASH = ord("\\")
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_BRACKET = re.compile(rb'["{}\[\]]')
_BRACKET_OR_COMMA = re.compile(rb'["{}\[\],]')


def layout_of(stream: Stream) -> Layout:
    """Return the layout of a `.json` file by its beginning: JSON lines, an array, or objects over several lines.

    The first 1 MiB is read. A bracket at the start means an array. A first line longer than 1 MiB, or any unindented
    line that is an object by itself, means JSON lines.
    """
    head = stream.peek(_PEEK_BYTES).lstrip()
    if head.startswith(b"["):
        return "array"
    lines = head.split(b"\n")
    spans_lines = head.startswith(b"{") and len(lines) > 1 and not any(_is_object(line) for line in lines)
    return "objects" if spans_lines else "lines"


def is_array(stream: Stream) -> bool:
    """Return whether a file of JSON lines is one array of objects: its first line is not a value, or the only line."""
    head = stream.peek(_PEEK_BYTES).lstrip()
    if _ARRAY_OF_OBJECTS.match(head) is None:
        return False
    first, _, rest = head.partition(b"\n")
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return True
    return not rest.strip()


def _is_object(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


class ElementSplitter:
    """Cut a stream at the commas of its outermost array, or after each outermost object.

    Regular expressions find brackets and strings in chunks. The state between two chunks is the depth, and whether a
    string, and an escape in it, is open. Memory: one chunk and one record of the allowed length.
    """

    def __init__(self, stream: Stream, layout: Layout, chunk_bytes: int, max_record_bytes: int) -> None:
        self._stream = stream
        self._base = 1 if layout == "array" else 0
        self._chunk_bytes = chunk_bytes
        self._max_record_bytes = max_record_bytes
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._row = 0

    def __iter__(self) -> Iterator[Piece | Overlong]:
        """Yield the records that are not blank; for an unclosed array, yield a last piece that will be refused."""
        record = bytearray()
        start = position = self._stream.position
        while chunk := self._stream.read(self._chunk_bytes):
            begin = 0
            for end, resume in self._cuts(chunk):
                self._extend(record, chunk[begin:end])
                yield from self._record(record, start, position + end)
                begin, start = resume, position + resume
                record.clear()
            self._extend(record, chunk[begin:])
            position += len(chunk)
        yield from self._record(record, start, position)
        if self._depth == 1 == self._base:
            yield Piece(self._row, position, None, b"[")

    def _extend(self, record: bytearray, part: bytes) -> None:
        # one byte over the limit is enough to know that the record is too long
        record += part[: self._max_record_bytes + 1 - len(record)]

    def _record(self, record: bytearray, start: int, end: int) -> Iterator[Piece | Overlong]:
        raw = bytes(record)
        if not raw.strip():
            return
        blank = len(raw) - len(raw.lstrip())
        piece = Piece(self._row, start + blank, None, raw.strip())
        self._row += 1
        too_long = len(raw) > self._max_record_bytes
        yield Overlong(piece._replace(raw=b""), end - start) if too_long else piece

    def _cuts(self, chunk: bytes) -> Iterator[tuple[int, int]]:
        """Yield the end of each record in `chunk`, and the start of the next one."""
        at = int(self._escaped)
        self._escaped = False
        while at < len(chunk):
            if self._in_string:
                at = self._close_string(chunk, at)
                continue
            at_base = self._depth == 1 == self._base
            match = (_BRACKET_OR_COMMA if at_base else _BRACKET).search(chunk, at)
            if match is None:
                return
            at = match.end()
            if self._step(match[0]):
                yield (match.start() if self._base else at), at

    def _close_string(self, chunk: bytes, at: int) -> int:
        rest = _REST_OF_STRING.match(chunk, at)
        at = rest.end() if rest else at
        if at < len(chunk):
            self._escaped = chunk[at] == _BACKSLASH
            self._in_string = self._escaped
        return at + 1

    def _step(self, token: bytes) -> bool:
        """Follow one token; return whether a record ends with it."""
        before = self._depth
        if token == b'"':
            self._in_string = True
            return False
        if token in b"{[":
            self._depth += 1
            return before == 0 and self._base == 1
        if token in b"}]":
            self._depth = max(0, before - 1)
            return self._depth == 0
        return True
