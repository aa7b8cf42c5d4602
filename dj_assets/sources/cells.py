"""Rows of cells (CSV, TSV): cut at line ends outside of quotes, parsed into columns of strings."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator

import pyarrow as pa

from dj_assets import settings
from dj_assets.errors import SourceError
from dj_assets.sources.blocks import Block, Header, Parsed, Piece, RefusedError, Reject, invalid_utf8, refuse
from dj_assets.sources.column_types import TableTypes
from dj_assets.sources.fields import ID, SAMPLE_NAME
from dj_assets.sources.lines import Lines, LineSplitter, Overlong
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.streams import Stream
from dj_assets.sources.tables import assemble, first_repeated, sample_ids

DELIMITERS = {"csv": ",", "tsv": "\t"}

# The longest cell that the csv module can accept; its default limit of 128 KiB is too small.
_MAX_CELL = 2**31 - 1
_HEAD_BYTES = 1 << 16
_REST_OF_QUOTED = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')


def header_of(file: SourceFile) -> Header | None:
    """Return the header of a file of cells; None if there is nothing but blank lines.

    Raises
    ------
    SourceError, BrokenStreamError
        If it cannot be read.
    """
    with Stream(file) as stream:
        delimiter = DELIMITERS[file.format]
        return CellSplitter(stream, file.path.name, delimiter, _HEAD_BYTES, settings.MAX_LINE_BYTES).header()


class CellSplitter:
    """Cut a stream into records of cells, with quoted line ends inside cells; the first record is the header.

    A quote that is never closed costs one record: the line that opens it is refused, and parsing continues with the
    next line. Row numbers count records after the header, with blank lines.
    """

    def __init__(self, stream: Stream, name: str, delimiter: str, run_bytes: int, max_record_bytes: int) -> None:
        self._name = name
        self._lines = _physical_lines(LineSplitter(stream, run_bytes, max_record_bytes))
        self._again: deque[Piece | Overlong] = deque()
        self._delimiter = delimiter
        self._max_record_bytes = max_record_bytes
        self._row = -1

    def header(self) -> Header | None:
        """Read the header; None if there is nothing but blank lines.

        Raises
        ------
        SourceError
            If it cannot be read, or names a column twice.
        """
        record = next(self._records(), None)
        if record is None:
            return None
        self._row = 0
        if isinstance(record, (Reject, Overlong)):
            raise SourceError("the header (line 1) cannot be read: a quote is not closed, or it is too long")
        try:
            columns = tuple(cells_of(record.raw, self._delimiter))
        except RefusedError as refused:
            raise SourceError(f"the header (line 1) cannot be read: {refused.problem}") from None
        twice = first_repeated(columns)
        if twice is not None:
            raise SourceError(f"the header (line 1) names the column '{twice}' twice; give each its own name")
        return Header(columns, self._delimiter)

    def __iter__(self) -> Iterator[Piece | Overlong | Reject]:
        return self._records()

    def _records(self) -> Iterator[Piece | Overlong | Reject]:
        pending: list[Piece] = []
        size, quoted = 0, False
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if isinstance(line, Piece):
                pending.append(line)
                size += len(line.raw)
                quoted = ends_in_quotes(line.raw, self._delimiter.encode(), inside=quoted)
                if quoted and size <= self._max_record_bytes:
                    continue
            elif line is None and not pending:
                return
            if quoted:
                yield self._unclosed(pending)
                self._again.extendleft(reversed([*pending[1:], *([line] if isinstance(line, Overlong) else [])]))
            else:
                yield from self._finished(pending, line)
            pending, size, quoted = [], 0, False

    def _finished(self, pending: list[Piece], line: Piece | Overlong | None) -> Iterator[Piece | Overlong]:
        if isinstance(line, Overlong):
            yield line._replace(at=line.at._replace(row=self._row))
            self._row += 1
            return
        raw = b"".join(piece.raw for piece in pending)
        if raw.strip(b" \r\n"):
            yield pending[0]._replace(row=self._row, raw=raw)
        # blank lines before the header have no number
        self._row += self._row >= 0 or bool(raw.strip())

    def _unclosed(self, pending: list[Piece]) -> Reject:
        at = pending[0]._replace(row=self._row)
        self._row += 1
        return refuse(at, self._name, "a quote is opened and never closed")


def ends_in_quotes(line: bytes, delimiter: bytes, *, inside: bool) -> bool:
    """Return whether a quoted cell is open at the end of `line`, given whether one was open at its start."""
    if b'"' not in line:
        return inside
    at = 0
    while True:
        if inside:
            closing = _REST_OF_QUOTED.match(line, at)
            if closing is None:
                return True
            at, inside = closing.end(), False
        elif line[at : at + 1] == b'"':
            at, inside = at + 1, True
            continue
        at = line.find(delimiter, at) + 1
        if at == 0:
            return False


def parse_cells(block: Block, header: Header, text_key: str, name: str) -> Parsed:
    """Return the samples of a block of cells; all columns are strings."""
    rows, names, records, rejects = [], [], [], list(block.rejects)
    for piece in block.pieces():
        try:
            cells = cells_of(piece.raw, header.delimiter, len(header.columns))
        except RefusedError as refused:
            rejects.append(refuse(piece, name, refused.problem))
        else:
            rows.append(piece.whole_row)
            names.append(piece.id_in(name))
            records.append(cells)
    columns = [pa.array(column, pa.string()) for column in zip(*records, strict=True)] or [
        pa.array([], pa.string()) for _ in header.columns
    ]
    table = pa.RecordBatch.from_arrays(columns, names=list(header.columns))
    known = next((key for key in (SAMPLE_NAME, ID) if key in header.columns), None)
    # an empty cell is no id
    own = None if known is None else pa.array([value or None for value in table.column(known).to_pylist()], pa.string())
    return assemble(
        pa.array(rows, pa.int64()),
        table,
        rejects,
        text_key,
        ids=sample_ids(own, names),
        types=TableTypes(table.schema),
        position_of=block.position_of,
    )


def cells_of(raw: bytes, delimiter: str, count: int | None = None) -> list[str]:
    """Return the cells of one record.

    Raises
    ------
    RefusedError
        If it is not UTF-8, cannot be parsed, or does not have `count` cells.
    """
    csv.field_size_limit(_MAX_CELL)
    try:
        cells = next(csv.reader([raw.decode("utf-8")], delimiter=delimiter))
    except UnicodeDecodeError as error:
        raise invalid_utf8(error) from None
    except csv.Error as error:
        raise RefusedError(f"broken cells ({error})") from None
    if count is not None and len(cells) != count:
        raise RefusedError(f"{len(cells)} cells instead of {count}")
    return cells


def _physical_lines(runs: LineSplitter) -> Iterator[Piece | Overlong]:
    for run in runs:
        if isinstance(run, Overlong):
            yield run
        else:
            yield from _split(run)


def _split(run: Lines) -> Iterator[Piece]:
    number, byte = run.first_row, run.first_byte
    for line in re.findall(rb"[^\n]*\n|[^\n]+", run.payload):
        yield Piece(number, byte, number, line)
        number += 1
        byte += len(line)
