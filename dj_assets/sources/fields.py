"""The fields that no operator uses: their observed types, and their conversion back to columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa

from dj_assets.sources import exact_json
from dj_assets.sources.shapes import (
    ListOf,
    Shape,
    Struct,
    arrow_type,
    as_text,
    from_json,
    holds_text,
    join,
    shape_of,
    to_json,
)

MAX_COLUMNS = 2000
ID = "id"
# The key of the name of a sample in refined files: its own id as a text, else the name of its file and its row.
SAMPLE_NAME = "__dj_id__"
# The single column of records with more keys than a table may have columns.
FIELDS = "fields"

_FOLD_AT = 512
_NO_COLUMNS = Struct(())


@dataclass(frozen=True)
class FieldTypes:
    """Hold the columns of JSON records, observed over every record, never inferred from the first ones.

    `shape` is the struct of all keys, or `json` if the records have more than 2000 distinct ones.
    """

    shape: Shape = _NO_COLUMNS

    @property
    def columns(self) -> tuple[tuple[str, Shape], ...] | None:
        """Return the columns in first-seen order; None if there are too many."""
        return self.shape.fields if isinstance(self.shape, Struct) else None

    def merge(self, other: FieldTypes) -> FieldTypes:
        """Return types that cover the records of both; associative, keys of `self` first."""
        return FieldTypes(join(self.shape, other.shape, MAX_COLUMNS))

    def arrow_type(self) -> pa.DataType:
        """Return the struct type of all columns (a JSON text if there are too many)."""
        return arrow_type(self.shape)

    def to_json(self) -> object:
        """Return the types as JSON-able data."""
        return to_json(self.shape)

    @classmethod
    def from_json(cls, data: object) -> FieldTypes:
        """Return the types that `to_json` wrote."""
        return cls(from_json(data))


def merge(a: FieldTypes, b: FieldTypes) -> FieldTypes:
    """Return types that cover the records of both; associative, keys of `a` first."""
    return a.merge(b)


class FieldObserver:
    """Collect the shapes of records; few are distinct, so most records cost one lookup in a table."""

    def __init__(self) -> None:
        self._shapes: dict[Shape, None] = {}
        self._last: Shape | None = None

    def add(self, shape: Shape) -> None:
        """Add the shape of one record."""
        if shape is self._last:
            return
        self._last = shape
        self._shapes[shape] = None
        if len(self._shapes) > _FOLD_AT:
            self._shapes = {self.types().shape: None}

    def types(self) -> FieldTypes:
        """Return the types that cover every record added."""
        return reduce(merge, map(FieldTypes, self._shapes), FieldTypes())


def observe(records: Iterable[object]) -> FieldTypes:
    """Return the types of decoded JSON objects."""
    observer = FieldObserver()
    for record in records:
        observer.add(shape_of(record))
    return observer.types()


def restore(
    fields: pa.Array, text: pa.StringArray, ids: pa.Array | None, types: FieldTypes | None, text_key: str
) -> pa.RecordBatch:
    """Return the original columns in their order, with the cleaned text under its own key.

    Parameters
    ----------
    fields
        JSON texts or a struct, as returned by `parse`; shape `(n,)`, like all arrays.
    text, ids
        The cleaned texts, and the names of the samples, which come first as `__dj_id__`, unless `ids` is None.
    types
        The types over all files; not used if `fields` is a struct.
    text_key
        The key to which the text is written back; dots lead into nested JSON objects.

    Raises
    ------
    ValueError
        If `fields` contains JSON and `types` is None.
    """
    if pa.types.is_struct(fields.type):
        columns = {field.name: (field, column) for field, column in zip(fields.type, fields.flatten(), strict=True)}
    elif types is None:
        raise ValueError("JSON fields need their types")
    else:
        columns = _json_columns(fields, text, types, text_key)
    if ids is not None:
        named = (pa.field(SAMPLE_NAME, pa.string()), ids.cast(pa.string()))
        columns = {SAMPLE_NAME: named} | columns | {SAMPLE_NAME: named}
    if text_key in columns or not _is_nested(columns, text_key):
        columns[text_key] = (pa.field(text_key, pa.string()), text)
    schema = pa.schema([field for field, _ in columns.values()])
    return pa.RecordBatch.from_arrays([column for _, column in columns.values()], schema=schema)


def _is_nested(columns: dict[str, tuple[pa.Field, pa.Array]], text_key: str) -> bool:
    """Return whether the text was written back inside another column."""
    return "." in text_key and (FIELDS in columns or text_key.partition(".")[0] in columns)


def _json_columns(
    fields: pa.Array, text: pa.StringArray, types: FieldTypes, text_key: str
) -> dict[str, tuple[pa.Field, pa.Array]]:
    if types.columns is None:
        put = [
            exact_json.rewrite(record, lambda value, text=cleaned: put_text(value, text, text_key))
            for record, cleaned in zip(fields.to_pylist(), text.to_pylist(), strict=True)
        ]
        return {FIELDS: (pa.field(FIELDS, pa.string()), pa.array(put, pa.string()))}
    nested = "." in text_key
    records = [exact_json.loads(record) for record in fields.to_pylist()]
    if nested:
        for record, value in zip(records, text.to_pylist(), strict=True):
            put_text(record, value, text_key)
    columns = {}
    for name, merged in types.columns:
        shape = _with_text(name, merged, text_key) if nested else merged
        values = [None] * len(records) if name == text_key else [record.get(name) for record in records]
        columns[name] = (pa.field(name, arrow_type(shape)), _column(values, shape))
    return columns


def put_text(record: dict[str, object], text: str, text_key: str) -> dict[str, object]:
    """Write the text back into a record under its key; return the record."""
    location = exact_json.text_location(record, text_key)
    if location is not None:
        holder, name = location
        holder[name] = text
    return record


def _with_text(name: str, shape: Shape, text_key: str) -> Shape:
    """Return the shape of the column `name` after the text is written back into it."""
    head, *path = text_key.split(".")
    if name != head or not path:
        return shape
    inner: Shape = "string"
    for key in reversed(path):
        inner = Struct(((key, inner),))
    return join(shape, inner)


def _column(values: list[object], shape: Shape) -> pa.Array:
    if holds_text(shape):
        values = [_texted(value, shape) for value in values]
    return pa.array(values, arrow_type(shape))


def _texted(value: Any, shape: Shape) -> Any:  # noqa: ANN401
    """Return the value; every part whose shape requires it is converted to JSON text."""
    if value is None:
        return None
    if as_text(shape):
        return exact_json.dumps(value, exact=True)
    if isinstance(shape, ListOf):
        return [_texted(item, shape.item) for item in value]
    if isinstance(shape, Struct):
        return {key: _texted(value.get(key), inner) for key, inner in shape.fields}
    return value
