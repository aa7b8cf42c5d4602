"""Read a source: blocks of raw records in the parent process, samples in the workers; memory is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from dj_assets.errors import SourceError, UnreadableFileError
from dj_assets.settings import BATCH_BYTES, MAX_LINE_BYTES
from dj_assets.sources.blocks import Block, Header, Origin, Parsed, Piece, Reject
from dj_assets.sources.cells import DELIMITERS, CellSplitter
from dj_assets.sources.elements import ElementSplitter, is_array, layout_of
from dj_assets.sources.file_kinds import mistaken_line_ends
from dj_assets.sources.joined_blocks import JoinedBlocks
from dj_assets.sources.lines import LineSplitter, Overlong
from dj_assets.sources.raw_formats import cut_of, parse_composed, parse_plain
from dj_assets.sources.sources import SourceFile, content_sha256, members_sha256
from dj_assets.sources.streams import BrokenStreamError, Stream
from dj_assets.sources.table_batches import compact
from dj_assets.sources.table_files import TABLES
from dj_assets.sources.tables import table_blocks

__all__ = ["Block", "Parsed", "Reader", "Reject", "limited", "open_blocks", "parse", "records_in"]

# Refused records add no bytes to a block, so their number closes it.
_MAX_REJECTS = 1000
# Line ends are looked for in as many bytes.
_HEAD_BYTES = 1 << 16


@dataclass
class Reader:
    """Read one source file in blocks.

    Attributes
    ----------
    file, file_number
        The file to read, and its number in the subset.
    block_bytes
        The approximate number of bytes of raw records in a block; a longer record makes a longer block.
    max_line_bytes
        A record over this length is quarantined. None but a row of a table is ever held in memory.
    limit
        The largest number of records to read; blank lines do not count.
    members
        The paths of joined files that were read, each with the row at which it begins.
    """

    file: SourceFile
    file_number: int
    block_bytes: int = BATCH_BYTES
    max_line_bytes: int = MAX_LINE_BYTES
    limit: int | None = None
    members: list[tuple[str, int]] = field(default_factory=list)
    _sha256: str | None = field(default=None, repr=False)

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the file on the disk; it is known once `blocks` is exhausted, else the file is read."""
        if self._sha256 is None:
            self._sha256 = content_sha256(self.file)
        return self._sha256

    def blocks(self) -> Iterator[Block]:
        """Yield the records of the file in order; an empty file has none.

        Raises
        ------
        SourceError
            If the file is truncated or damaged, or its header cannot be read. Earlier blocks have been yielded then.
        """
        blocks = self._blocks() if self.limit is None else limited(self._blocks(), self.limit)
        for block in blocks:
            yield block if self.file.reading == block.reading else replace(block, reading=self.file.reading)

    def _blocks(self) -> Iterator[Block]:
        if self.file.size == 0:
            return
        if self.file.is_joined:
            yield from self._bundle()
            return
        block: Block | None = None
        try:
            for block in self._table() if self.file.format in TABLES else self._stream():
                yield block
        except BrokenStreamError as error:
            row = _end_row(block) if block else 0
            raise UnreadableFileError(
                f"{self.file.path}: {error}, after row {row}: the file is incomplete or damaged; fetch it again"
            ) from error

    def _bundle(self) -> Iterator[Block]:
        """Yield the records of joined files; one error names all that cannot be read, after the others."""
        waiting = JoinedBlocks(self.file_number)
        start = consumed = 0
        unreadable: list[str] = []
        sums: list[tuple[str, str]] = []
        for member in self.file.members:
            reader = Reader(member, self.file_number, self.block_bytes, self.max_line_bytes)
            self.members.append((str(member.path), start))
            rows = 0
            try:
                for block in reader.blocks():
                    if not waiting.takes(block):
                        yield waiting.joined(consumed)
                    waiting.add(block, Origin(member.path.name, start))
                    rows = _end_row(block)
                sums.append((str(member.path), reader.sha256))
            except UnreadableFileError as error:
                unreadable.append(str(error))
            start += rows
            consumed += member.size
            if waiting.size >= self.block_bytes or len(waiting.rejects) >= _MAX_REJECTS:
                yield waiting.joined(consumed)
        if unreadable:
            raise UnreadableFileError("\n".join(unreadable))
        if not waiting.is_empty:
            yield waiting.joined(consumed)
        self._sha256 = members_sha256(sums)

    def _table(self) -> Iterator[Block]:
        yield from table_blocks(self.file, self.file_number, self.block_bytes, self.max_line_bytes)

    def _stream(self) -> Iterator[Block]:
        with Stream(self.file) as stream:
            cut = cut_of(self.file.reading)
            if cut is not None:
                yield from self._packed(cut(stream, self.file, self.max_line_bytes), stream)
            elif self.file.format in DELIMITERS:
                yield from self._cells(stream)
            else:
                yield from self._json(stream)
            self._sha256 = stream.raw.sha256

    def _json(self, stream: Stream) -> Iterator[Block]:
        layout = layout_of(stream) if self.file.format == "json" or is_array(stream) else "lines"
        if layout == "lines":
            self._require_line_ends(stream)
            for run in LineSplitter(stream, self.block_bytes, self.max_line_bytes):
                if isinstance(run, Overlong):
                    yield from self._packed([run], stream)
                else:
                    yield Block(self.file_number, *run, stream.raw.consumed_bytes)
        else:
            yield from self._packed(ElementSplitter(stream, layout, self.block_bytes, self.max_line_bytes), stream)

    def _cells(self, stream: Stream) -> Iterator[Block]:
        self._require_line_ends(stream)
        delimiter = DELIMITERS[self.file.format]
        splitter = CellSplitter(stream, self.file.path.name, delimiter, self.block_bytes, self.max_line_bytes)
        try:
            header = splitter.header()
        except SourceError as error:
            raise UnreadableFileError(f"{self.file.path}: {error}") from None
        if header is not None:
            yield from self._packed(splitter, stream, header)

    def _require_line_ends(self, stream: Stream) -> None:
        mistake = mistaken_line_ends(self.file, stream.peek(_HEAD_BYTES))
        if mistake is not None:
            raise UnreadableFileError(f"{self.file.path}: {mistake}")

    def _packed(
        self, records: Iterable[Piece | Overlong | Reject], stream: Stream, header: Header | None = None
    ) -> Iterator[Block]:
        """Yield blocks of single records."""
        pieces: list[Piece] = []
        rejects: list[Reject] = []
        size = 0
        broken: BrokenStreamError | None = None
        read = iter(records)
        while broken is None:
            try:
                record = next(read, None)
            except BrokenStreamError as error:
                record, broken = None, error
            if isinstance(record, Piece):
                pieces.append(record)
                size += len(record.raw)
            elif isinstance(record, Overlong):
                rejects.append(record.reject(self.file.path.name, self.max_line_bytes))
            elif record is not None:
                rejects.append(record)
            if size >= self.block_bytes or len(rejects) >= _MAX_REJECTS or (record is None and (pieces or rejects)):
                yield self._pack(pieces, rejects, stream, header)
                pieces, rejects, size = [], [], 0
            if record is None:
                break
        if broken is not None:
            raise broken

    def _pack(self, pieces: list[Piece], rejects: list[Reject], stream: Stream, header: Header | None) -> Block:
        first_row = min([piece.row for piece in pieces[:1]] + [reject.row for reject in rejects[:1]])
        first_byte = pieces[0].byte if pieces else stream.position
        consumed = stream.raw.consumed_bytes
        return Block(self.file_number, first_row, first_byte, tuple(pieces), consumed, tuple(rejects), header)


def open_blocks(
    file: SourceFile,
    file_number: int,
    *,
    block_bytes: int = BATCH_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
    limit: int | None = None,
) -> Iterator[Block]:
    """Yield the records of `file` in blocks: `Reader(...).blocks()` for callers that need no checksum."""
    return Reader(file, file_number, block_bytes, max_line_bytes, limit).blocks()


def parse(block: Block, *, text_key: str, name: str) -> Parsed:
    """Return the samples of a block, and the records that do not become samples.

    Parameters
    ----------
    block
        A block from a reader of this or another process.
    text_key
        The key of the text; dots lead into nested objects of JSON records.
    name
        The base name of the file: the id of a record without an own id is `<name>:<row>`.
    """
    if not block.reading.as_it_stands:
        return parse_composed(block, text_key, name)
    return parse_plain(block, text_key, name)


def limited(blocks: Iterable[Block], limit: int) -> Iterator[Block]:
    """Yield blocks with the first `limit` records; the last block is cut."""
    left = limit
    if left <= 0:
        return
    for block in blocks:
        rows = _record_rows(block)
        if len(rows) >= left:
            yield _cut(block, rows[left - 1])
            return
        left -= len(rows)
        yield block


def records_in(block: Block) -> int:
    """Return the number of records of a block, with refused ones."""
    return len(_record_rows(block))


def _record_rows(block: Block) -> list[int]:
    """Return the numbers of all records of a block, with refused ones, in order."""
    refused = [reject.row for reject in block.rejects]
    if isinstance(block.payload, pa.RecordBatch):
        return list(range(block.first_row, block.first_row + block.payload.num_rows))
    return sorted(refused + [piece.row for piece in block.pieces()])


def _cut(block: Block, last_row: int) -> Block:
    """Return the block without the records after `last_row`."""
    count = last_row - block.first_row + 1
    if isinstance(block.payload, pa.RecordBatch):
        return replace(block, payload=compact(block.payload.slice(0, count)))
    rejects = tuple(reject for reject in block.rejects if reject.row <= last_row)
    if isinstance(block.payload, bytes):
        return replace(block, payload=b"\n".join(block.payload.split(b"\n")[:count]), rejects=rejects)
    return replace(block, payload=tuple(piece for piece in block.payload if piece.row <= last_row), rejects=rejects)


def _end_row(block: Block) -> int:
    """Return the number of the first record after the block."""
    if isinstance(block.payload, bytes):
        # the last line may have no line end
        return block.first_row + block.payload.count(b"\n") + (block.payload[-1:] not in {b"", b"\n"})
    if isinstance(block.payload, pa.RecordBatch):
        return block.first_row + int(block.payload.num_rows)
    return 1 + max([piece.row for piece in block.payload[-1:]] + [reject.row for reject in block.rejects[-1:]])
