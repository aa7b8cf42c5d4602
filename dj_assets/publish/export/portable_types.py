"""Columns in the types that all table formats have: Lance, Delta and Iceberg."""

from __future__ import annotations

import pyarrow as pa

from dj_assets.errors import UserError
from dj_assets.sources.arrow_types import in_type
from dj_assets.sources.json_values import json_texts

_DECIMAL_DIGITS = 38
_UNSIGNED_64 = pa.decimal128(20, 0)


def portable_schema(schema: pa.Schema) -> pa.Schema:
    """Return a schema whose types Lance, Delta and Iceberg have, all columns nullable, without metadata.

    Integers become int32 or int64 (uint64 a decimal), times of an instant microseconds in UTC, dictionaries their
    values. A column of a type without a counterpart, such as a duration, becomes JSON text.
    """
    return pa.schema([pa.field(field.name, portable_type(field.type) or pa.string()) for field in schema])


def portable(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch in a `portable_schema`.

    Raises
    ------
    UserError
        If a value has no equal in the type of its column; the message names the column.
    """
    arrays = [_column(column, field) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def portable_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type that all three formats have for the values of a type; None where there is none."""
    if isinstance(kind, pa.BaseExtensionType):
        return portable_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return portable_type(kind.value_type)
    if pa.types.is_nested(kind):
        return _nested(kind)
    rules = (_number, _text, _time)
    return next((found for rule in rules if (found := rule(kind)) is not None), None)


def _number(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_boolean(kind) or kind in {pa.float32(), pa.float64()}:
        return kind
    if kind == pa.float16():
        return pa.float32()
    if kind == pa.uint64():
        return _UNSIGNED_64
    if pa.types.is_integer(kind):
        return pa.int64() if kind in {pa.uint32(), pa.int64()} else pa.int32()
    if pa.types.is_decimal(kind) and kind.precision <= _DECIMAL_DIGITS:
        return pa.decimal128(kind.precision, kind.scale)
    return None


def _text(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_null(kind) or kind in {pa.string(), pa.large_string(), pa.string_view()}:
        return pa.string()
    if pa.types.is_fixed_size_binary(kind) or kind in {pa.binary(), pa.large_binary(), pa.binary_view()}:
        return pa.binary()
    return None


def _time(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_date(kind):
        return pa.date32()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    return None


def _nested(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_struct(kind):
        inner = [(field.name, portable_type(field.type)) for field in kind]
        return pa.struct(inner) if inner and all(found for _, found in inner) else None
    if pa.types.is_map(kind):
        key, item = portable_type(kind.key_type), portable_type(kind.item_type)
        return pa.map_(key, item) if key and item else None
    value = portable_type(kind.value_type) if hasattr(kind, "value_type") else None
    return pa.list_(value) if value else None


def _column(column: pa.Array, field: pa.Field) -> pa.Array:
    if portable_type(column.type) is None:
        return json_texts(column)
    try:
        return in_type(column, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UserError(
            f"column {field.name}: a value of type {column.type} has no equal in {field.type} ({error}); "
            "export as parquet, which keeps every type"
        ) from error
