"""Refined samples as JSON lines: each record is unchanged except for the cleaned text."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.sources import exact_json
from dj_assets.sources.fields import ID, put_text, restore


def json_lines(batch: pa.RecordBatch, text_key: str) -> Iterator[bytes]:
    """Yield one line per sample, with its line end.

    Parameters
    ----------
    batch
        Columns `id`, `text`, `fields`, as returned by `parse`. A JSON record keeps every digit and its own id; without
        an id it gets `id` as first key. In a struct, times and decimals become strings, binary becomes base64, and NaN
        becomes null.
    text_key
        The key to which the text is written back.
    """
    return _of_structs(batch, text_key) if pa.types.is_struct(batch["fields"].type) else _of_json(batch, text_key)


def _of_json(batch: pa.RecordBatch, text_key: str) -> Iterator[bytes]:
    columns = (batch["fields"].to_pylist(), batch["text"].to_pylist(), batch["id"].to_pylist())
    for record, text, name in zip(*columns, strict=True):

        def changed(value: dict[str, object], text: str = text, name: str = name) -> dict[str, object]:
            put_text(value, text, text_key)
            return value if ID in value else {ID: name, **value}

        yield exact_json.rewrite(record, changed).encode("utf-8") + b"\n"


def _of_structs(batch: pa.RecordBatch, text_key: str) -> Iterator[bytes]:
    yield from table_lines(restore(batch["fields"], batch["text"], batch["id"], None, text_key))


def table_lines(table: pa.RecordBatch) -> Iterator[bytes]:
    """Yield one line per row, with its line end and a key for each column; values are converted as in `json_lines`."""
    return (as_json(record) + b"\n" for record in plain_records(table))


def plain_records(table: pa.RecordBatch) -> list[dict[str, object]]:
    """Return rows as dicts, with times and decimals as strings."""
    columns = [_plain(column) for column in table.columns]
    return cast("list[dict[str, object]]", pa.RecordBatch.from_arrays(columns, names=table.schema.names).to_pylist())


def as_json(record: dict[str, object]) -> bytes:
    """Return a row as JSON: binary becomes base64, NaN null."""
    return orjson.dumps(record, default=_as_text, option=orjson.OPT_NON_STR_KEYS)


def _plain(column: pa.Array) -> pa.Array:
    """Return the column with times and decimals as strings, at any depth of lists and structs."""
    kind = column.type
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.string())
    if pa.types.is_struct(kind):
        children = [_plain(child) for child in column.flatten()]
        names = [field.name for field in kind]
        return pa.StructArray.from_arrays(children, names=names, mask=column.is_null()) if names else column
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        made = pa.ListArray if pa.types.is_list(kind) else pa.LargeListArray
        sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate(([0], np.cumsum(sizes)))
        index = pa.array(offsets, pa.int32() if pa.types.is_list(kind) else pa.int64())
        return made.from_arrays(index, _plain(column.flatten()), mask=column.is_null())
    return column


def _as_text(value: object) -> str:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
