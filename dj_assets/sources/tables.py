"""Tables (Parquet, Arrow, ORC, and parsed cells): rows are read in bounded batches; samples have a struct of fields."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets import settings
from dj_assets.errors import UnreadableFileError
from dj_assets.sources.arrow_types import is_textual
from dj_assets.sources.blocks import Block, Parsed, Reject
from dj_assets.sources.column_types import ColumnTypes, TableTypes, plain, without_rows
from dj_assets.sources.fields import ID, SAMPLE_NAME
from dj_assets.sources.file_kinds import HEAD_BYTES, mistaken_content
from dj_assets.sources.json_values import as_strings, json_texts
from dj_assets.sources.lance_tables import LanceTable
from dj_assets.sources.orc_stripes import DAMAGED
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.streams import BrokenStreamError, Stream
from dj_assets.sources.table_batches import MOST_BYTES, row_bytes, split
from dj_assets.sources.table_files import TABLES, OpenTable, opened_table
from dj_assets.stores.path import ObjectPath

_COPY_BYTES = 1 << 20
# A file may take as many times its size in addition: as much as text is usually compressed, with room for copies.
_UNPACKED = 8
# The parts in which the formats are read.
_PARTS = {"parquet": "page", "arrow": "batch", "orc": "stripe", "lance": "fragment"}


def table_blocks(file: SourceFile, file_number: int, block_bytes: int, max_row_bytes: int) -> Iterator[Block]:
    """Yield the rows of a table in order, in blocks of about `block_bytes` or a single row.

    A compressed file is unpacked into a temporary file first, since tables are read from their ends. A row over
    `max_row_bytes` is refused; its block has a row of nulls in its place.

    Raises
    ------
    UnreadableFileError
        If the file is no such table or is damaged, two columns have the same name, or its parts take too much memory.
    """
    row = 0
    try:
        with _table(file) as table:
            schema = table.schema
            for batch in table.batches(block_bytes, _most_bytes(file)):
                for part in split(plain(batch), min(2 * block_bytes, max_row_bytes)):
                    done = int(file.size * table.share(row + part.num_rows))
                    block = Block(file_number, row, 0, part, done, schema=schema)
                    yield _without_oversize(block, file.path.name, max_row_bytes)
                    row += part.num_rows
            if not row:
                yield Block(file_number, 0, 0, plain(without_rows(schema)), file.size, schema=schema)
    except DAMAGED as error:
        raise _unreadable(file, error, row) from error


def _most_bytes(file: SourceFile) -> int:
    return MOST_BYTES + min(_UNPACKED * file.size, settings.memory_bytes() // 2)


def _without_oversize(block: Block, name: str, most_bytes: int) -> Block:
    """Return a block, with a row of nulls and a reject if it is a single row that is too large."""
    table = cast("pa.RecordBatch", block.payload)
    size = row_bytes(table) if table.num_rows == 1 else 0
    if size <= most_bytes:
        return block
    row = block.first_row
    error = f"the row is {size} bytes long, more than the {most_bytes} allowed (DJ_MAX_RECORD_MB), at row {row}"
    nulls = pa.RecordBatch.from_arrays([pa.nulls(1, field.type) for field in table.schema], schema=table.schema)
    return replace(block, payload=nulls, rejects=(Reject(row, f"{name}:{row}", dropped=False, error=error),))


def table_schema(file: SourceFile) -> pa.Schema:
    """Return the schema of a table.

    Raises
    ------
    UnreadableFileError
        If the file is no such table or is damaged, or two columns have the same name.
    """
    with _reading(file) as table:
        return table.schema


def table_rows(file: SourceFile, most: int) -> int:
    """Return the number of rows of a table, at most `most`; raises as `table_schema`."""
    with _reading(file) as table:
        return min(most, table.rows(most))


@contextmanager
def _reading(file: SourceFile) -> Iterator[OpenTable]:
    try:
        with _table(file) as table:
            yield table
    except (*DAMAGED, BrokenStreamError) as error:
        raise _unreadable(file, error) from error


def parse_table(block: Block, text_key: str, name: str) -> Parsed:
    """Return the samples of a block of table rows."""
    table = cast("pa.RecordBatch", block.payload)
    types = TableTypes.of_table(block.schema or table.schema, table)
    rows = pa.array(range(block.first_row, block.first_row + table.num_rows), pa.int64())
    rejects = list(block.rejects)
    refused = {reject.row for reject in rejects}
    if refused:
        keep = pa.array([row not in refused for row in rows.to_pylist()])
        rows, table = rows.filter(keep), table.filter(keep)
    bad = _invalid_rows(table, text_key)
    if bad:
        for i, column in bad.items():
            row = rows[i].as_py()
            error = f"invalid UTF-8 in column '{column}' at {block.position_of(row)}"
            (named,) = block.names_of([row], name)
            rejects.append(Reject(row, named, dropped=False, error=error))
        keep = pa.array([i not in bad for i in range(table.num_rows)])
        rows, table = rows.filter(keep), table.filter(keep)
    ids = _ids(table, block.names_of(rows.to_pylist(), name))
    return assemble(rows, table, rejects, text_key, ids=ids, types=types, position_of=block.position_of)


def assemble(
    rows: pa.Array,
    table: pa.RecordBatch,
    rejects: list[Reject],
    text_key: str,
    *,
    ids: pa.StringArray,
    types: TableTypes,
    position_of: Callable[[int], str],
) -> Parsed:
    """Return the samples of valid table rows; `rows` are the numbers of the rows, `ids` the names of the samples.

    The text column stays in the struct of fields as a column of nulls, which keeps the order of the columns.
    """
    names = table.schema.names
    text = _as_string(table.column(text_key)) if text_key in names else pa.nulls(len(rows), pa.string())
    keep = text.is_valid() if text is not None else pa.repeat(False, len(rows))
    without = pc.invert(keep)
    refused = zip(rows.filter(without).to_pylist(), ids.filter(without).to_pylist(), strict=True)
    rejects = [*rejects, *(_without_text(row, named, table, text_key, position_of) for row, named in refused)]
    columns = [rows, ids, pa.nulls(len(rows), pa.string()) if text is None else text, _fields(table, text_key)]
    batch = pa.RecordBatch.from_arrays(columns, names=["row", "id", "text", "fields"]).filter(keep)
    missing = tuple(names) if text_key not in names and (len(rows) or rejects) else None
    return Parsed(batch, sorted(rejects, key=lambda reject: reject.row), ColumnTypes(tables=types), missing)


def _without_text(
    row: int, sample_id: str, table: pa.RecordBatch, text_key: str, position_of: Callable[[int], str]
) -> Reject:
    if text_key not in table.schema.names:
        return Reject(row, sample_id, dropped=True, error=f"no key '{text_key}'")
    kind = table.schema.field(text_key).type
    if is_textual(kind) or pa.types.is_null(kind):
        return Reject(row, sample_id, dropped=True, error="no text")
    error = f"the text is of type {kind}, not a string, at {position_of(row)}"
    return Reject(row, sample_id, dropped=False, error=error)


def _fields(table: pa.RecordBatch, text_key: str) -> pa.StructArray:
    columns = [pa.nulls(table.num_rows) if key == text_key else table.column(key) for key in table.schema.names]
    fields = [
        pa.field(field.name, pa.null()) if field.name == text_key else field.with_nullable(True)
        for field in table.schema
    ]
    return pa.StructArray.from_arrays(columns, fields=fields)


def sample_ids(ids: pa.Array | None, names: Sequence[str]) -> pa.StringArray:
    """Return the names of samples: their ids as texts; without an id, the given name of file and row."""
    made = pa.array(names, pa.string())
    return made if ids is None else cast("pa.StringArray", pc.coalesce(_as_texts(ids), made))


def _ids(table: pa.RecordBatch, names: Sequence[str]) -> pa.StringArray:
    known = next((key for key in (SAMPLE_NAME, ID) if key in table.schema.names), None)
    return sample_ids(None if known is None else table.column(known), names)


def _as_texts(ids: pa.Array) -> pa.StringArray:
    """Return ids as texts: binary that is not UTF-8 in hexadecimal, nested values as JSON."""
    if isinstance(ids, pa.ExtensionArray) or _is_binary(ids.type):
        return pa.array([_as_text(value) for value in ids.to_pylist()], pa.string())
    try:
        return as_strings(ids)
    except pa.ArrowNotImplementedError:
        return json_texts(ids)


def _as_text(value: object) -> str | None:
    if not isinstance(value, bytes):
        return None if value is None else str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _as_string(column: pa.Array) -> pa.StringArray | None:
    """Return the column as strings; None if it has another type."""
    textual = is_textual(column.type) or pa.types.is_null(column.type)
    return cast("pa.StringArray", column.cast(pa.string())) if textual else None


def _invalid_rows(table: pa.RecordBatch, text_key: str) -> dict[int, str]:
    """Return the indices of rows with invalid UTF-8, each with its column."""
    bad: dict[int, str] = {}
    for name in table.schema.names:
        column = table.column(name)
        if name == text_key and (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
            column = column.cast(pa.large_string(), safe=False)
        if not _valid(column):
            # take each row by itself: validation of a slice of a nested column also checks the other rows
            bad.update({i: name for i in range(len(column)) if not _valid(column.take(pa.array([i])))})
    return bad


def _valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _check_names(file: SourceFile, names: list[str]) -> None:
    twice = first_repeated(names)
    if twice is not None:
        raise UnreadableFileError(f"{file.path}: two columns are named '{twice}'; give each its own name")


def first_repeated(names: Sequence[str]) -> str | None:
    """Return the first name, by the alphabet, of those that are there more than once; None if there is none."""
    return min((name for name, count in Counter(names).items() if count > 1), default=None)


@contextmanager
def _table(file: SourceFile) -> Iterator[OpenTable]:
    """Open a table; raise for a file of another format, or with two columns of one name."""
    if file.format == "lance":
        yield LanceTable(tuple(Path(member.path) for member in file.members))
        return
    with _opened(file) as raw, _checked(file, raw), opened_table(raw, file.format) as table:
        _check_names(file, table.schema.names)
        yield table


def _unreadable(file: SourceFile, error: Exception, row: int = 0) -> UnreadableFileError:
    if isinstance(error, MemoryError):
        problem = f"row {row} takes more than {_most_bytes(file):,} bytes of memory to be read"
        part = _PARTS[file.format]
        return UnreadableFileError(f"{file.path}: {problem}; write it again, with fewer or smaller rows in a {part}")
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    name = TABLES[file.format]
    return UnreadableFileError(f"{file.path}: no readable {name} after row {row} ({reason}); fetch it again")


@contextmanager
def _checked(file: SourceFile, raw: IO[bytes]) -> Iterator[None]:
    """Raise for a file of another format."""
    mistake = mistaken_content(file, raw.read(HEAD_BYTES))
    if mistake is not None:
        raise UnreadableFileError(f"{file.path}: {mistake}")
    raw.seek(0)
    yield


@contextmanager
def _opened(file: SourceFile) -> Iterator[IO[bytes]]:
    if file.compression is None:
        # from an object, only the needed ranges are read
        path = file.path
        with path.store.opened() if isinstance(path, ObjectPath) else path.open("rb") as raw:
            yield raw
        return
    with tempfile.TemporaryFile() as unpacked:
        with Stream(file) as stream:
            while data := stream.read(_COPY_BYTES):
                unpacked.write(data)
        unpacked.seek(0)
        yield unpacked
