"""Samples of sources that are converted while reading: raw formats, another text key, a noted origin."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pyarrow as pa

from dj_assets.sources.blocks import Block, Parsed, Piece
from dj_assets.sources.cells import parse_cells
from dj_assets.sources.exact_json import text_location
from dj_assets.sources.formats.registry import RAW_FORMATS, TEXT, Cut, RawFormat
from dj_assets.sources.json_lines import source_table, table_lines
from dj_assets.sources.json_records import NoTextError, Record, Sample, parse_records, read_record, take_apart
from dj_assets.sources.sources import Reading
from dj_assets.sources.tables import parse_table

META = "meta"
ORIGIN = "origin"


def cut_of(reading: Reading) -> Cut | None:
    """Return the function that cuts the files of a raw format into records; None if they are read like plain files."""
    return RAW_FORMATS[reading.format].cut if reading.format else None


def parse_plain(block: Block, text_key: str, name: str) -> Parsed:
    """Return the samples of a block whose records already are samples."""
    if isinstance(block.payload, pa.RecordBatch):
        return parse_table(block, text_key, name)
    if block.header is not None:
        return parse_cells(block, block.header, text_key, name)
    return parse_records(block, text_key, name)


def parse_composed(block: Block, text_key: str, name: str) -> Parsed:
    """Return the samples of a block with the text under `text_key` and the origin in their meta.

    Rows of tables become JSON records: the files of all sources of a subset then have one schema. Dates, times and
    decimals become strings, binary becomes base64.
    """
    reading = block.reading
    raw = RAW_FORMATS[reading.format] if reading.format else RawFormat(files=())
    own_key = TEXT if reading.format else reading.text_key or text_key
    load = partial(_load, raw=raw, reading=reading, own_key=own_key, text_key=text_key)
    if not isinstance(block.payload, pa.RecordBatch) and block.header is None:
        return parse_records(block, text_key, name, load)
    table = parse_plain(block, own_key, name)
    lines = table_lines(source_table(table.rows, own_key, table.field_types))
    records = tuple(
        Piece(row - start, 0, None, line, file=file, start=start)
        for row, line in zip(table.rows["row"].to_pylist(), lines, strict=True)
        for file, start in (block.origin_of(row),)
    )
    as_json = replace(block, payload=records, header=None, rejects=tuple(table.rejects))
    return replace(parse_records(as_json, text_key, name, load), missing_key=table.missing_key)


def _load(piece: Piece, *, raw: RawFormat, reading: Reading, own_key: str, text_key: str) -> Sample:
    def change(record: Record) -> Record:
        composed = raw.compose(record, reading) if raw.compose else record
        return _noted(_moved(composed, own_key, text_key), reading.origin)

    if raw.unpack:
        return take_apart(raw.unpack(piece, reading), text_key, change)
    return read_record(piece.raw, text_key, change)


def _moved(record: Record, own_key: str, text_key: str) -> Record:
    """Return the record with its text under `text_key`; an earlier value there is kept as `original_<text_key>`."""
    if own_key == text_key:
        return record
    location = text_location(record, own_key)
    if location is None:
        raise NoTextError(f"no key '{own_key}'", None, tuple(record))
    displaced = {f"original_{text_key}": record[text_key]} if text_key in record else {}
    holder, name = location
    text = holder.pop(name)
    return {**record, text_key: text, **displaced}


def _noted(record: Record, origin: str | None) -> Record:
    """Return the record with its origin in the meta field; an existing origin is kept as `origin_was`."""
    if origin is None:
        return record
    meta = record.get(META)
    known: dict[str, object] = meta if isinstance(meta, dict) else {} if meta is None else {META: meta}
    was = {f"{ORIGIN}_was": known[ORIGIN]} if ORIGIN in known else {}
    return {**record, META: {**known, **was, ORIGIN: origin}}
