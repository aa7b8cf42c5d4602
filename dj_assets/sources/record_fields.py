"""The fields of the records of source files, found without measuring, to see early whether some record has a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa

from dj_assets import settings
from dj_assets.sources.readers import Block, Reader, parse, records_in
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.table_files import TABLES
from dj_assets.sources.tables import table_rows, table_schema

# JSON has these characters as they are.
_PLAIN_KEY = re.compile(r"[\w .-]+", re.ASCII)


def record_fields(
    files: Sequence[SourceFile], keys: Sequence[str], text_key: str, block_bytes: int, limit: int | None = None
) -> Iterator[pa.DataType]:
    """Yield the types of the fields of all records that may have one of some keys, those of the first records first.

    The first block of every file is parsed. Further blocks are parsed only if they contain the text of a key, so that
    a long file is searched about as quickly as it can be read.

    Parameters
    ----------
    files, limit
        The files of a source, in order, and the largest number of records that are read.
    keys
        The keys; dots lead into objects.
    text_key
        The key of the text: records without a text have no fields.
    block_bytes
        About the bytes of the first block of a file.

    Raises
    ------
    UnreadableFileError
        If a file cannot be read.
    """
    if limit is not None:
        yield from _limited(files, keys, text_key, block_bytes, limit)
        return
    for file in files:
        if file.format in TABLES:
            yield from _of_table(file, text_key)
        for block in islice(_blocks(file, block_bytes), 1):
            yield from _of_block(block, file, text_key)
    for file in files:
        for block in _blocks(file, settings.BATCH_BYTES):
            if _may_have(block, keys):
                yield from _of_block(block, file, text_key)


def _limited(
    files: Sequence[SourceFile], keys: Sequence[str], text_key: str, block_bytes: int, limit: int
) -> Iterator[pa.DataType]:
    left = limit
    for file in files:
        if left <= 0:
            return
        if file.format in TABLES:
            yield from _of_table(file, text_key)
            left -= table_rows(file, left)
        for number, block in enumerate(_blocks(file, block_bytes, left)):
            left -= records_in(block)
            if number == 0 or _may_have(block, keys):
                yield from _of_block(block, file, text_key)


def _blocks(file: SourceFile, block_bytes: int, limit: int | None = None) -> Iterator[Block]:
    """Yield the blocks of a file that is no table."""
    if file.format not in TABLES:
        yield from Reader(file, 0, block_bytes, settings.max_record_bytes(), limit).blocks()


def _of_table(file: SourceFile, text_key: str) -> Iterator[pa.DataType]:
    """Yield the type of the rows of a table, from its schema alone; rows of joined tables have the same columns."""
    first = file.members[0] if file.is_joined else file
    schema = table_schema(first)
    if table_rows(first, 1) and (file.reading.text_key or text_key) in schema.names:
        yield pa.struct(list(schema))


def _of_block(block: Block, file: SourceFile, text_key: str) -> Iterator[pa.DataType]:
    """Yield the type of the samples of a block, nothing if it has none."""
    parsed = parse(block, text_key=text_key, name=file.path.name)
    types = parsed.field_types
    if parsed.rows.num_rows and types.shapes is not None:
        yield types.shapes.arrow_type()
    elif parsed.rows.num_rows and types.tables is not None:
        yield pa.struct(list(types.tables.schema))


def _may_have(block: Block, keys: Sequence[str]) -> bool:
    """Return whether records may have one of the keys, by the bytes of the last part of a key and a quotation mark."""
    if block.reading.format is not None or not all(map(_PLAIN_KEY.fullmatch, keys)):
        return True  # a raw format has other keys, and other characters may be escaped
    if block.header is not None:
        return False  # the first block had the same columns
    contents = [block.payload] if isinstance(block.payload, bytes) else [piece.raw for piece in block.pieces()]
    ends = [f'{key.rpartition(".")[2]}"'.encode() for key in keys]
    return any(end in content for end in ends for content in contents)
