"""Texts under other keys than the recipe's: read from a sample's other fields, and written back into them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.errors import SampleError
from dj_assets.sources import exact_json


def texts_at(fields: pa.Array, key: str) -> pa.StringArray:
    """Return the text of every sample under `key`; dots lead into nested objects of JSON records.

    Raises
    ------
    SampleError
        If a sample has no text there.
    """
    if pa.types.is_struct(fields.type):
        index = fields.type.get_field_index(key)
        texts = pa.nulls(len(fields), pa.string()) if index < 0 else pc.struct_field(fields, [index])
        texts = texts.cast(pa.string()) if pa.types.is_large_string(texts.type) else texts
    else:
        texts = pa.array([_text_in(record, key) for record in fields.to_pylist()], pa.string())
    if not pa.types.is_string(texts.type) or texts.null_count:
        raise SampleError(f"no text under the key {key!r}")
    return texts


def put_texts(fields: pa.Array, key: str, texts: pa.StringArray) -> pa.Array:
    """Return the fields with other texts under `key`; every sample must already have a text there."""
    if pa.types.is_struct(fields.type):
        location = fields.type.get_field_index(key)
        columns = [texts if n == location else column for n, column in enumerate(fields.flatten())]
        return pa.StructArray.from_arrays(columns, names=[field.name for field in fields.type])

    def put(record: dict[str, object], text: str) -> dict[str, object]:
        location = exact_json.text_location(record, key)
        if location is not None:
            holder, name = location
            holder[name] = text
        return record

    rewritten = [
        exact_json.rewrite(record, lambda value, text=text: put(value, text))
        for record, text in zip(fields.to_pylist(), texts.to_pylist(), strict=True)
    ]
    return pa.array(rewritten, pa.string())


def put_fields(fields: pa.Array, values: Mapping[str, pa.Array]) -> pa.Array:
    """Return the fields with other values under the keys of `values`; a struct gets columns that it does not have."""
    if pa.types.is_struct(fields.type):
        columns = dict(zip([field.name for field in fields.type], fields.flatten(), strict=True)) | dict(values)
        return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    rows = zip(*(column.to_pylist() for column in values.values()), strict=True)
    put = [
        exact_json.rewrite(record, lambda whole, row=row: {**whole, **dict(zip(values, row, strict=True))})
        for record, row in zip(fields.to_pylist(), rows, strict=True)
    ]
    return pa.array(put, pa.string())


def _text_in(record: str, key: str) -> str | None:
    location = exact_json.text_location(exact_json.loads(record), key)
    value = location[0][location[1]] if location else None
    return value if isinstance(value, str) else None
