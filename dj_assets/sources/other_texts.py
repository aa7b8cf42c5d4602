"""Texts under other keys than the recipe's: read from a sample's other fields, and written back into them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.errors import SampleError
from dj_assets.sources import exact_json
from dj_assets.sources.written_fields import put_in_struct


def texts_at(fields: pa.Array, key: str) -> pa.StringArray:
    """Return the text of every sample under `key`; without a field of this name, dots lead into nested fields.

    Raises
    ------
    SampleError
        If a sample has no text there.
    """
    texts = texts_or_nulls(fields, key)
    if texts.null_count:
        raise SampleError(f"no text under the key {key!r}")
    return texts


def texts_or_nulls(fields: pa.Array, key: str) -> pa.StringArray:
    """Return the text of every sample under `key`, as `texts_at` does; null for a sample that has none there."""
    if not pa.types.is_struct(fields.type):
        return pa.array([_text_in(record, key) for record in fields.to_pylist()], pa.string())
    texts = _column_at(fields, _path(fields, key))
    is_text = pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)
    return texts.cast(pa.string()) if is_text else pa.nulls(len(fields), pa.string())


def put_texts(fields: pa.Array, key: str, texts: pa.StringArray) -> pa.Array:
    """Return the fields with other texts under `key`; every sample must already have a text there."""
    if pa.types.is_struct(fields.type):
        return put_in_struct(fields, _path(fields, key), texts)

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


def _path(fields: pa.StructArray, key: str) -> list[str]:
    """Return the names that lead to the column of a key."""
    return [key] if fields.type.get_field_index(key) >= 0 else key.split(".")


def _column_at(fields: pa.Array, path: Sequence[str]) -> pa.Array:
    """Return the column at the end of a path, nulls if there is none."""
    for name in path:
        index = fields.type.get_field_index(name) if pa.types.is_struct(fields.type) else -1
        if index < 0:
            return pa.nulls(len(fields), pa.string())
        fields = pc.struct_field(fields, [index])
    return fields


def _text_in(record: str, key: str) -> str | None:
    location = exact_json.text_location(exact_json.loads(record), key)
    value = location[0][location[1]] if location else None
    return value if isinstance(value, str) else None
