"""Values of Arrow columns as JSON: times and decimals become strings, binary becomes base64."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc


def plain_records(table: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows as dicts, with times and decimals as strings."""
    columns = [_plain(column) for column in table.columns]
    return cast("list[dict[str, Any]]", pa.RecordBatch.from_arrays(columns, names=table.schema.names).to_pylist())


def as_json(record: dict[str, Any]) -> bytes:
    """Return a row as JSON: binary becomes base64, NaN null."""
    return orjson.dumps(record, default=_as_text, option=orjson.OPT_NON_STR_KEYS)


def json_texts(column: pa.Array) -> pa.StringArray:
    """Return every value of a column as JSON text, null for null; NaN and infinities keep their names."""
    values = _plain(column).to_pylist()
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_as_text)
    return pa.array([None if value is None else encoder.encode(value) for value in values], pa.string())


def as_strings(column: pa.Array) -> pa.StringArray:
    """Return times or decimals as strings; times of a zone that is not known here are those of UTC."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        if not pa.types.is_timestamp(column.type):
            raise
        return column.cast(pa.timestamp(column.type.unit, "UTC")).cast(pa.string())


def _plain(column: pa.Array) -> pa.Array:
    """Return the column with times and decimals as strings, at any depth of lists, structs and maps."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return as_strings(column)
    if pa.types.is_struct(kind):
        children = [_plain(child) for child in column.flatten()]
        names = [field.name for field in kind]
        return pa.StructArray.from_arrays(children, names=names, mask=column.is_null()) if names else column
    if pa.types.is_fixed_size_list(kind) and kind.list_size:
        # null lists have values, too
        values = column.values.slice(column.offset * kind.list_size, len(column) * kind.list_size)
        return pa.FixedSizeListArray.from_arrays(_plain(values), kind.list_size, mask=column.is_null())
    if pa.types.is_map(kind):
        offsets = pa.array(column.offsets.to_numpy(zero_copy_only=False).copy())
        return pa.MapArray.from_arrays(offsets, _plain(column.keys), _plain(column.items), mask=column.is_null())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        made = pa.ListArray if pa.types.is_list(kind) else pa.LargeListArray
        sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate(([0], np.cumsum(sizes)))
        index = pa.array(offsets, pa.int32() if pa.types.is_list(kind) else pa.int64())
        return made.from_arrays(index, _plain(column.flatten()), mask=column.is_null())
    return column


def _as_text(value: object) -> str:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
