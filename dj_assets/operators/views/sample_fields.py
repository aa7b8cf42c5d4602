"""Read fields of samples other than the text."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.batch import FIELDS, Batch


def field_values(batch: Batch, key: str) -> list[object]:
    """Return the value that every sample has under a key, None if it has none.

    A field whose name equals the key takes precedence; else dots in the key lead into nested objects. Batches of texts
    without other fields have no values.
    """
    if FIELDS not in batch.rows.schema.names:
        return [None] * len(batch)
    fields = batch.rows.column(FIELDS)
    if pa.types.is_struct(fields.type):
        return _column(fields, key)
    return [_value(record, key) for record in _parsed_records(batch)]


def records(batch: Batch) -> list[dict[str, Any]]:
    """Return the fields of every sample as a dict that the caller may change; batches of texts have none."""
    if FIELDS not in batch.rows.schema.names:
        return [{} for _ in range(len(batch))]
    fields = batch.rows.column(FIELDS)
    if pa.types.is_struct(fields.type):
        listed: list[dict[str, Any]] = fields.to_pylist()
        return listed
    return copy.deepcopy([record if isinstance(record, dict) else {} for record in _parsed_records(batch)])


def _parsed_records(batch: Batch) -> list[object]:
    return batch.derive(FIELDS, lambda: [_parsed(record) for record in batch.rows.column(FIELDS).to_pylist()])


def number_in(value: object) -> float | None:
    """Return the number in a field: a number, or a text that Python reads as one; None for any other value."""
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except (ValueError, OverflowError):
        return None


def _parsed(record: str) -> object:
    try:
        return orjson.loads(record)
    except orjson.JSONDecodeError:
        # numbers that only the json module of Python reads
        return json.loads(record)


def _value(record: object, key: str) -> object:
    if not isinstance(record, dict) or key in record:
        return record.get(key) if isinstance(record, dict) else None
    head, dot, rest = key.partition(".")
    return _value(record.get(head), rest) if dot else None


def _column(fields: pa.StructArray, key: str) -> list[object]:
    names = [field.name for field in fields.type] if pa.types.is_struct(fields.type) else []
    if key in names:
        values: list[object] = pc.struct_field(fields, [names.index(key)]).to_pylist()
        return values
    head, dot, rest = key.partition(".")
    if not dot or head not in names:
        return [None] * len(fields)
    return _column(pc.struct_field(fields, [names.index(head)]), rest)
