"""Read the records of files as documents: an id and the text of some of their fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson
import pyarrow as pa

from dj_assets.errors import SourceError
from dj_assets.sources.blocks import Block, RefusedError
from dj_assets.sources.cells import cells_of
from dj_assets.sources.fields import ID, SAMPLE_NAME
from dj_assets.sources.formats.registry import RAW_FORMATS
from dj_assets.sources.json_records import NoTextError
from dj_assets.sources.readers import open_blocks
from dj_assets.sources.sources import SourceFile

_IDS = (SAMPLE_NAME, ID)


class Entry(NamedTuple):
    """Hold the id of a record, and its texts joined by line feeds; "" if it has none."""

    id: str
    text: str


def entries_of(file: SourceFile, text_keys: Sequence[str], usual_key: str) -> Iterator[Entry]:
    """Yield the records of a file in order.

    Parameters
    ----------
    text_keys
        The fields to read; dots lead into nested objects. If empty, `usual_key` is read, or all texts but ids of a
        record that does not have it.

    Raises
    ------
    SourceError
        For a record that cannot be read.
    """
    for block in open_blocks(file, 0):
        if block.rejects:
            raise SourceError(f"{file.path}: {block.rejects[0].error}")
        for row, record in _records(block, file):
            texts = [*_texts_of(record, text_keys, usual_key)]
            yield Entry(_id_of(record) or f"{file.path.name}:{row}", "\n".join(texts))


def _records(block: Block, file: SourceFile) -> Iterator[tuple[int, object]]:
    if isinstance(block.payload, pa.RecordBatch):
        yield from enumerate(block.payload.to_pylist(), block.first_row)
        return
    unpack = RAW_FORMATS[block.reading.format].unpack if block.reading.format else None
    for piece in block.pieces():
        try:
            if unpack is not None:
                yield piece.row, unpack(piece, block.reading)
            elif block.header is None:
                yield piece.row, _loads(piece.raw)
            else:
                cells = cells_of(piece.raw, block.header.delimiter, len(block.header.columns))
                yield piece.row, dict(zip(block.header.columns, cells, strict=True))
        except NoTextError:
            # a page without text
            continue
        except (RefusedError, ValueError) as error:
            raise SourceError(f"{file.path}: {error} at {piece.position}") from None


def _loads(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        # numbers that only the json module of Python reads
        return json.loads(raw)


def _id_of(record: object) -> str:
    values = (record.get(key) for key in _IDS) if isinstance(record, Mapping) else ()
    return next((str(value) for value in values if value not in (None, "")), "")


def _texts_of(record: object, text_keys: Sequence[str], usual_key: str) -> Iterator[str]:
    if not isinstance(record, Mapping):
        yield from _strings(record)
        return
    if not text_keys and isinstance(_value(record, usual_key), str):
        text_keys = (usual_key,)
    if not text_keys:
        yield from _strings({key: value for key, value in record.items() if key not in _IDS})
    for key in text_keys:
        yield from _strings(_value(record, key))


def _value(record: object, key: str) -> object:
    if not isinstance(record, Mapping) or key in record:
        return record.get(key) if isinstance(record, Mapping) else None
    head, dot, rest = key.partition(".")
    return _value(record.get(head), rest) if dot else None


def _strings(value: object) -> Iterator[str]:
    """Yield the texts in a value, at any depth, in their order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
