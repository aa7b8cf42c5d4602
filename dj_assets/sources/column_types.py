"""The types of the columns of refined files: those of the source files, joined where the files differ."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.sources.arrow_types import in_type, joined_field, plain_type, shared_metadata
from dj_assets.sources.fields import FIELDS, SAMPLE_NAME, FieldTypes, restore
from dj_assets.sources.json_values import json_texts
from dj_assets.sources.shapes import Struct, arrow_type

# The metadata of Hugging Face's `datasets`: JSON that lists all columns.
_HUGGING_FACE = b"huggingface"
_EXACT_INT = 2**53


@dataclass(frozen=True)
class TableTypes:
    """Hold the columns of tables, with names, order, types and metadata.

    `wide` names the columns with an integer that a float64 may not represent exactly. `mixed` names those whose types
    differ between files so that only JSON text covers them all; their type is string.
    """

    schema: pa.Schema
    wide: frozenset[str] = frozenset()
    mixed: frozenset[str] = frozenset()

    @classmethod
    def of_table(cls, schema: pa.Schema, table: pa.RecordBatch) -> TableTypes:
        """Return the types of a source's schema; `table` holds rows of it."""
        whole = [field.name for field in table.schema if field.type in (pa.int64(), pa.uint64())]
        ends = {name: pc.min_max(table.column(name)).as_py() for name in whole}
        wide = (name for name, end in ends.items() if max(-(end["min"] or 0), end["max"] or 0) > _EXACT_INT)
        return cls(schema, frozenset(wide))

    @classmethod
    def of_shapes(cls, shapes: FieldTypes) -> TableTypes:
        """Return the types of columns of JSON records."""
        if shapes.columns is None:
            return cls(pa.schema([(FIELDS, pa.string())]))
        named = [(name, arrow_type(shape)) for name, shape in shapes.columns]
        wide, mixed = (frozenset(n for n, shape in shapes.columns if shape == kind) for kind in ("wide", "json"))
        return cls(pa.schema(named), wide, mixed)

    def merge(self, other: TableTypes) -> TableTypes:
        """Return types that cover the tables of both; the columns of `self` come first."""
        wide, mixed = self.wide | other.wide, self.mixed | other.mixed
        fields = {field.name: field for field in self.schema}
        for field in other.schema:
            known = fields.get(field.name)
            if known is None:
                fields[field.name] = field.with_nullable(True)
                continue
            both = None if field.name in mixed else joined_field(known, field, wide=field.name in wide)
            if both is None:
                mixed |= {field.name}
                both = pa.field(field.name, pa.string())
            fields[field.name] = both
        absent = fields.keys() - set(other.schema.names)
        listed = [field.with_nullable(True) if field.name in absent else field for field in fields.values()]
        return TableTypes(
            pa.schema(listed, metadata=shared_metadata(self.schema.metadata, other.schema.metadata)), wide, mixed
        )

    def to_json(self) -> dict[str, Any]:
        """Return the types as data for JSON."""
        schema = base64.b64encode(self.schema.serialize()).decode("ascii")
        return {"schema": schema, "wide": sorted(self.wide), "mixed": sorted(self.mixed)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TableTypes:
        """Return the types that `to_json` wrote."""
        schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(data["schema"])))
        return cls(schema, frozenset(data["wide"]), frozenset(data["mixed"]))


@dataclass(frozen=True)
class ColumnTypes:
    """Hold the columns of a source file, or of all source files of a subset.

    `shapes` are those of JSON records, `tables` those of tables; None if there are none, or if an earlier version
    measured the tables.
    """

    shapes: FieldTypes | None = None
    tables: TableTypes | None = None

    def merge(self, other: ColumnTypes) -> ColumnTypes:
        """Return types that cover the files of both."""
        return ColumnTypes(
            _either(self.shapes, other.shapes, FieldTypes.merge), _either(self.tables, other.tables, TableTypes.merge)
        )

    def to_json(self) -> Any:  # noqa: ANN401
        """Return the types as data for JSON; without tables they are the shapes alone."""
        shapes = None if self.shapes is None else self.shapes.to_json()
        return shapes if self.tables is None else {"shapes": shapes, "tables": self.tables.to_json()}

    @classmethod
    def from_json(cls, data: Any) -> ColumnTypes:  # noqa: ANN401
        """Return the types that `to_json` wrote."""
        if data is None or not isinstance(data, dict) or "tables" not in data:
            return cls(None if data is None else FieldTypes.from_json(data))
        shapes = None if data["shapes"] is None else FieldTypes.from_json(data["shapes"])
        return cls(shapes, TableTypes.from_json(data["tables"]))

    def restored(self, fields: pa.Array, text: pa.StringArray, ids: pa.Array, text_key: str) -> pa.RecordBatch:
        """Return the columns of a refined file: those of the source, with the cleaned text and the names of samples.

        See `restore`. With tables, every file gets the columns of all files, in the types that cover them all.
        """
        every = self._every
        if every is None:
            return restore(fields, text, ids, self.shapes, text_key)
        own = restore(fields, text, ids, self._own_shapes, text_key)
        # an earlier version measured a file of which no types are known
        every = (
            every.merge(TableTypes(own.schema)) if set(own.schema.names) - {SAMPLE_NAME, *every.schema.names} else every
        )
        converted = frozenset() if not pa.types.is_struct(fields.type) else every.mixed - {text_key}
        schema = every.schema
        listed = [_text_field(field, every) if field.name == text_key else field for field in schema]
        columns = [pa.field(SAMPLE_NAME, pa.string()), *(field for field in listed if field.name != SAMPLE_NAME)]
        # a name is looked up in all names of a record batch, which takes long for thousands of columns
        known = dict(zip(own.schema.names, own.columns, strict=True)) if own.num_rows else {}
        arrays = [
            _as_field(known.get(field.name), field, own.num_rows, as_text=field.name in converted) for field in columns
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(columns, metadata=_with_name(schema.metadata)))

    def retyped(self, table: pa.RecordBatch) -> pa.RecordBatch:
        """Return a table with the types of the source, wherever a column was only carried in another form."""
        known = {} if self.tables is None else {field.name: field.type for field in self.tables.schema}
        columns = [
            in_type(column, kind)
            if (kind := known.get(name)) is not None and plain_type(kind) == column.type
            else column
            for name, column in zip(table.schema.names, table.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=table.schema.names)

    @cached_property
    def _every(self) -> TableTypes | None:
        if self.tables is None or self.shapes is None or self.shapes == FieldTypes():
            return self.tables
        return TableTypes.of_shapes(self.shapes).merge(self.tables)

    @cached_property
    def _own_shapes(self) -> FieldTypes | None:
        """Return the shapes of JSON records, with JSON text in the columns that need it because of the tables."""
        every = self._every
        if every is None or self.shapes is None or self.shapes.columns is None:
            return self.shapes
        return FieldTypes(Struct(tuple((n, "json" if n in every.mixed else s) for n, s in self.shapes.columns)))


def without_rows(schema: pa.Schema) -> pa.RecordBatch:
    """Return a table without rows; unlike the functions of pyarrow, it takes extension types at any depth."""
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def plain(table: pa.RecordBatch) -> pa.RecordBatch:
    """Return a table with its columns in their `plain_type`."""
    fields = [field.with_type(plain_type(field.type)) for field in table.schema]
    columns = [in_type(column, field.type) for column, field in zip(table.columns, fields, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


def _text_field(field: pa.Field, every: TableTypes) -> pa.Field:
    """Return the field of the text: cleaned texts have more distinct values than a small dictionary can hold."""
    if field.name in every.mixed:
        return pa.field(field.name, pa.string())
    kind = field.type
    return field.with_type(pa.dictionary(pa.int32(), kind.value_type)) if pa.types.is_dictionary(kind) else field


def _as_field(column: pa.Array | None, field: pa.Field, rows: int, *, as_text: bool) -> pa.Array:
    # without rows, the text may have a type that no text has
    if column is None:
        return pa.nulls(rows, field.type)
    if as_text:
        return json_texts(column)
    return in_type(column, field.type)


def _with_name(metadata: dict[bytes, bytes] | None) -> dict[bytes, bytes] | None:
    """Return the metadata of a schema to which the names of samples are added as a column."""
    try:
        content = json.loads((metadata or {})[_HUGGING_FACE])
        features = content["info"]["features"]
        content["info"]["features"] = {SAMPLE_NAME: {"dtype": "string", "_type": "Value"}, **features}
    except (KeyError, TypeError, ValueError):
        return metadata
    return {**(metadata or {}), _HUGGING_FACE: json.dumps(content).encode()}


def _either(a: Any, b: Any, merge: Callable[[Any, Any], Any]) -> Any:  # noqa: ANN401 - two kinds of types
    return a if b is None else b if a is None else merge(a, b)
