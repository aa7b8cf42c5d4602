"""The data between the reader and the workers: blocks of raw records, parsed rows, refused records."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from dj_assets.sources.column_types import ColumnTypes
from dj_assets.sources.sources import AS_IT_STANDS, Reading


class Origin(NamedTuple):
    """Hold the name of a joined file, and the row among those of all joined files at which it begins."""

    file: str = ""
    start: int = 0


class Piece(NamedTuple):
    """Hold one raw record: its number in the file, its start, its bytes, and its name if an archive gives one.

    `byte` is the offset in the decompressed content, from 0. `line` is also counted from 0; it is None if records are
    not lines. Of joined files, `file` is the name of the record's own file, which begins at the row `start`.
    """

    row: int
    byte: int
    line: int | None
    raw: bytes
    name: str = ""
    file: str = ""
    start: int = 0

    @property
    def whole_row(self) -> int:
        """Return the number of the record among those of all joined files."""
        return self.start + self.row

    def id_in(self, name: str) -> str:
        """Return the id of a record without an id of its own; `name` is that of the file, if it is not joined."""
        return f"{self.file or name}:{self.row}"

    @property
    def position(self) -> str:
        """Return the position of the record as text: lines are counted from 1 as in editors, rows and bytes from 0."""
        number = f"record {self.row + 1}" if self.line is None else f"line {self.line + 1}"
        named = "".join(f"{name}, " for name in (self.file, self.name) if name)
        return f"{named}{number} (row {self.row}), byte {self.byte}"


@dataclass(frozen=True)
class Reject:
    """Hold a record that does not become a sample: dropped (it has no text) or quarantined (it cannot be read)."""

    row: int
    id: str
    dropped: bool
    error: str


def refuse(piece: Piece, name: str, problem: str, own_id: str | None = None) -> Reject:
    """Return the record as a quarantined one; the error contains its position."""
    known = piece.id_in(name) if own_id is None else own_id
    return Reject(piece.whole_row, known, dropped=False, error=f"{problem} at {piece.position}")


@dataclass(frozen=True)
class Header:
    """Hold the header of a block of cells: the names of the columns and the byte between two cells."""

    columns: tuple[str, ...]
    delimiter: str


@dataclass(frozen=True)
class Block:
    """Hold consecutive raw records of one file, cut by the parent process and parsed by a worker.

    Attributes
    ----------
    file_number, first_row, first_byte
        The number of the file; number and offset (in the decompressed content) of the first record. Blank lines also
        have numbers: in JSON lines the row is the line number from 0.
    payload
        Complete JSON lines, or single records (elements of an array, rows of cells), or rows of a table.
    file_bytes
        Bytes of the file consumed so far, in the compressed form on the disk, for progress.
    rejects
        Records that the reader itself refused.
    header
        Names and delimiter if the payload is rows of cells.
    schema
        The schema of the source if the payload is rows of a table; the payload has plain types.
    reading
        How the records become samples.
    origins
        The joined files that the rows of a table, or of cells, come from, in order; none if the file is not joined.
    """

    file_number: int
    first_row: int
    first_byte: int
    payload: bytes | tuple[Piece, ...] | pa.RecordBatch
    file_bytes: int
    rejects: tuple[Reject, ...] = ()
    header: Header | None = None
    schema: pa.Schema | None = None
    reading: Reading = AS_IT_STANDS
    origins: tuple[Origin, ...] = ()

    def origin_of(self, row: int) -> Origin:
        """Return the joined file of a row; without joined files, the beginning of the file."""
        at = bisect.bisect_right(self.origins, row, key=lambda origin: origin.start) - 1
        return self.origins[at] if at >= 0 else Origin()

    def names_of(self, rows: Iterable[int], name: str) -> list[str]:
        """Return the ids of rows without an id of their own; `name` is that of the file, if it is not joined."""
        if not self.origins:
            return [f"{name}:{row}" for row in rows]
        return [f"{origin.file}:{row - origin.start}" for row in rows for origin in (self.origin_of(row),)]

    def position_of(self, row: int) -> str:
        """Return the position of a row of a table as text."""
        file, start = self.origin_of(row)
        return f"{file}, row {row - start}" if file else f"row {row}"

    @classmethod
    def empty(cls, file_number: int) -> Block:
        """Return a block without records: the measured files of an empty file still have a schema."""
        return cls(file_number, 0, 0, b"", 0)

    def pieces(self) -> Iterator[Piece]:
        """Yield the raw records of a payload of lines or pieces, without blank ones."""
        if isinstance(self.payload, bytes):
            yield from lines_of(self.payload, self.first_row, self.first_byte)
        else:
            yield from self.payload


@dataclass(frozen=True)
class Parsed:
    """Hold the samples of a block.

    Attributes
    ----------
    rows
        Columns `row` int64, `id` string, `text` string (valid UTF-8, no nulls) and `fields`: JSON text where the
        source is JSON, else a struct of the original columns. In `fields` the text itself is null.
    rejects
        The records that are not in `rows`, sorted by row.
    field_types
        The observed types of the fields of JSON records, or the types of the columns of a table.
    missing_key
        The keys that were seen, if no record of the block has the text key; else None. A block may be a single record,
        so the run fails only if no block of the file has the key.
    left_out
        The number of records that belong to another subset.
    """

    rows: pa.RecordBatch
    rejects: list[Reject] = field(default_factory=list)
    field_types: ColumnTypes = field(default_factory=ColumnTypes)
    missing_key: tuple[str, ...] | None = None
    left_out: int = 0

    @property
    def records(self) -> int:
        """Return the number of records of the subset in the block, without blank lines."""
        return int(self.rows.num_rows) + len(self.rejects)


class RefusedError(Exception):
    """A record does not become a sample; the exception holds the reason, and is caught where the row is known."""

    def __init__(self, problem: str, own_id: str | None = None, *, has_key: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.own_id = own_id
        self.has_key = has_key


def invalid_utf8(error: UnicodeDecodeError) -> RefusedError:
    """Return the refusal of a record that is not UTF-8."""
    byte = error.object[error.start]
    return RefusedError(f"invalid UTF-8 ({error.reason} 0x{byte:02x}, {error.start} bytes into the record)")


def lines_of(payload: bytes, first_row: int, first_byte: int) -> Iterator[Piece]:
    """Yield the lines of `payload` that are not blank, without line ends."""
    byte = first_byte
    for row, line in enumerate(payload.split(b"\n"), first_row):
        if line and not line.isspace():
            yield Piece(row, byte, row, line)
        byte += len(line) + 1
