"""Archives of web crawls (WARC, ISO 28500): cut into records, of which the pages become samples.

No library is used for this step: those that read WARC end at the first damaged record, or hold a record of any size in
memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dj_assets.models.extras import require
from dj_assets.sources.blocks import Piece, Reject, refuse
from dj_assets.sources.lines import Overlong
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.streams import BrokenStreamError, Stream

# Records with the content of a page: a fetched one, one that was extracted already (WET), one that was not fetched.
FETCHED, EXTRACTED = ("response", "resource"), "conversion"

_PAGES = {*FETCHED, EXTRACTED}
_VERSION, _END, _BETWEEN = b"WARC/", b"\r\n\r\n", b"\r\n"
_MOST_HEADER_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20
# No record has as many bytes; a length of more digits is damaged.
_MOST_DIGITS = 13


class _MalformedError(Exception):
    """Bytes are no record; the message says why."""


@dataclass(frozen=True)
class Header:
    """Hold the header of a record: its size in bytes, and the length of the content behind it."""

    fields: Mapping[str, str]
    size: int
    length: int

    @property
    def kind(self) -> str:
        """Return the type of the record, such as `response`."""
        return self.fields.get("warc-type", "").lower()


def records(stream: Stream, file: SourceFile, max_bytes: int) -> Iterator[Piece | Overlong | Reject]:
    """Yield the pages of an archive in its order, each with its header; rows number all records of the archive.

    Records of other types, such as requests and metadata, are skipped. A record that cannot be read is refused, and the
    next one that begins with `WARC/` follows; in a packed archive it may be that of the next gzip member. Memory holds
    one record of at most `max_bytes`.

    Raises
    ------
    BrokenStreamError
        If the archive breaks off.
    UserError
        If pages need the package that extracts their text, and it is not installed.
    """
    row = 0
    while True:
        piece = Piece(row, stream.position, None, b"")
        found: Piece | Overlong | Reject | None
        try:
            _skip_between(stream)
            piece = piece._replace(byte=stream.position)
            if not stream.peek(1):
                return
            found = _record(stream, piece, max_bytes)
        except _MalformedError as error:
            found = refuse(piece, file.path.name, f"damaged record: {_gone_on(stream, piece, str(error))}")
        except BrokenStreamError as error:
            if not stream.resumable:
                raise
            found = refuse(piece, file.path.name, f"damaged record: {error}")
            _resume(stream)
        row += 1
        if found is not None:
            yield found


def header_of(head: bytes) -> Header:
    """Return the header at the beginning of some bytes.

    Raises
    ------
    ValueError
        If there is none, or it has no valid length of the content.
    """
    end = head.find(_END)
    if not head.startswith(_VERSION) or end < 0:
        raise ValueError("no header of WARC")
    fields: dict[str, str] = {}
    for line in head[:end].decode("utf-8", "replace").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    length = fields.get("content-length", "")
    if not (length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS):
        raise ValueError(f"its Content-Length is {length[:40]!r}")
    return Header(fields, end + len(_END), int(length))


def _record(stream: Stream, piece: Piece, max_bytes: int) -> Piece | Overlong | None:
    """Read the next record; return it if it is a page, None for another one."""
    head = stream.peek(_MOST_HEADER_BYTES)
    try:
        header = header_of(head)
    except ValueError as error:
        # it may begin like a record
        stream.read(1)
        raise _MalformedError(str(error)) from None
    if header.kind in FETCHED:
        require("resiliparse", "crawl")
    packed = stream.read(header.size)
    if header.length > max_bytes or header.kind not in _PAGES:
        _skip(stream, header.length)
        _require_end(stream, piece)
        return Overlong(piece, header.length) if header.kind in _PAGES else None
    content = _whole(stream, header.length)
    behind = stream.peek(len(_END))
    if behind.strip(_BETWEEN) and not _VERSION.startswith(behind):
        # the next record may begin inside of the content, or between both
        after = content.find(_END + _VERSION)
        stream.unread(content[after:] if after >= 0 else content[-len(_END + _VERSION) :])
        raise _MalformedError("its Content-Length does not lead to its end")
    _require_end(stream, piece)
    return piece._replace(raw=packed + content)


def _whole(stream: Stream, length: int) -> bytes:
    """Read the content of a record."""
    content = bytearray()
    while len(content) < length:
        part = stream.read(min(_CHUNK_BYTES, length - len(content)))
        if not part:
            raise BrokenStreamError("the archive breaks off within a record")
        content += part
    return bytes(content)


def _skip(stream: Stream, length: int) -> None:
    while length:
        part = stream.read(min(_CHUNK_BYTES, length))
        if not part:
            raise BrokenStreamError("the archive breaks off within a record")
        length -= len(part)


def _require_end(stream: Stream, piece: Piece) -> None:
    """Read past the end of a record, which tells whether the checksum of its gzip member is right."""
    _skip_between(stream)
    try:
        stream.peek(1)
    except BrokenStreamError:
        # else the damage is that of the next record
        if stream.member_start <= piece.byte:
            raise


def _skip_between(stream: Stream) -> None:
    while True:
        try:
            found = stream.peek(len(_END))
        except BrokenStreamError:
            return
        blank = len(found) - len(found.lstrip(_BETWEEN))
        stream.read(blank)
        if blank < len(_END):
            return


def _gone_on(stream: Stream, piece: Piece, problem: str) -> str:
    """Go on with the next record after one without a header; return the problem in words."""
    try:
        return f"{problem}, up to byte {_next_start(stream)}"
    except BrokenStreamError as error:
        if stream.resumable and stream.member_start <= piece.byte:
            _resume(stream)
            return str(error)
        return problem


def _next_start(stream: Stream) -> int:
    """Skip what is no record; return the offset at which the next one begins, or the end."""
    mark, before = b"\n" + _VERSION, b""
    while found := stream.read(_CHUNK_BYTES):
        read = before + found
        at = read.find(mark)
        if at >= 0:
            stream.unread(read[at + 1 :])
            break
        before = read[-len(mark) + 1 :]
    return stream.position


def _resume(stream: Stream) -> None:
    """Go on with the next gzip member that begins with a record, or to the end if there is none."""
    while stream.resume():
        try:
            if stream.peek(len(_VERSION)) == _VERSION:
                return
        except BrokenStreamError:
            continue
