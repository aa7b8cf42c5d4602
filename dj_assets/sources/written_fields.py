"""Fields that operators write in addition to the text: in the fields of samples, and in their observed types."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.errors import SampleError
from dj_assets.sources import exact_json
from dj_assets.sources.arrow_types import plain_type, with_fields
from dj_assets.sources.column_types import ColumnTypes, TableTypes, plain, without_rows
from dj_assets.sources.fields import MAX_COLUMNS, FieldTypes
from dj_assets.sources.shapes import MAX_KEYS, ListOf, Shape, Struct, join


def put_fields(fields: pa.Array, columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return the fields of samples with some columns written into them; those of the same name are replaced.

    Parameters
    ----------
    fields
        JSON texts or a struct, as returned by `parse`; shape `(n,)`, like all arrays.
    columns
        Arrays by name. Dots in a name lead into nested objects, which are added where they are missing.

    Raises
    ------
    SampleError
        If a sample has a value that is no object where a nested field belongs.
    """
    if pa.types.is_struct(fields.type):
        for name, values in columns.items():
            _refuse_same_name(name, [field.name for field in fields.type])
            fields = put_in_struct(fields, name.split("."), values)
        return fields
    lists = {name: values.to_pylist() for name, values in columns.items()}
    exact = not all(_is_finite(values) for values in columns.values())

    def put(record: dict[str, Any], row: int) -> dict[str, Any]:
        for name, values in lists.items():
            _put_in_record(record, name, values[row])
        return record

    written = [
        exact_json.rewrite(record, lambda value, row=row: put(value, row), exact=exact)
        for row, record in enumerate(fields.to_pylist())
    ]
    return pa.array(written, pa.string())


def edit_fields(fields: pa.Array, edit: Callable[[str, object], object]) -> pa.Array:
    """Return the fields of samples after `edit(name, value)` of every field; fields of dates or bytes stay.

    Parameters
    ----------
    fields
        JSON texts or a struct, as returned by `parse`.

    Raises
    ------
    SampleError
        If a new value has another type than the column of a table.
    """
    if not pa.types.is_struct(fields.type):
        return pa.array(
            [exact_json.rewrite(record, partial(_edited, edit)) for record in fields.to_pylist()], pa.string()
        )
    columns = [
        _edited_column(field.name, column, edit) if _is_json(field.type) else column
        for field, column in zip(fields.type, fields.flatten(), strict=True)
    ]
    return pa.StructArray.from_arrays(columns, fields=[*fields.type])


def _edited(edit: Callable[[str, object], object], record: dict[str, object]) -> dict[str, object]:
    return {name: edit(name, value) for name, value in record.items()}


def _edited_column(name: str, column: pa.Array, edit: Callable[[str, object], object]) -> pa.Array:
    values = column.to_pylist()
    edited = [edit(name, value) for value in values]
    if edited == values:
        return column
    try:
        return pa.array(edited, column.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SampleError(f"the field {name!r} cannot be edited: {error}") from None


def _is_json(kind: pa.DataType) -> bool:
    """Return whether all values of a type survive the way through Python: what JSON has, at any depth."""
    if pa.types.is_struct(kind):
        return all(_is_json(field.type) for field in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_json(kind.value_type)
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_float64)
    return kind in (pa.null(), pa.bool_()) or any(test(kind) for test in tests)


def with_declared(types: FieldTypes, declared: Mapping[str, pa.DataType]) -> FieldTypes:
    """Return the types of JSON records after fields of the declared types were written into every one of them."""
    shape = types.shape
    for name, kind in declared.items():
        shape = _with_field(shape, name.split("."), _shape_of_type(kind), MAX_COLUMNS)
    return FieldTypes(shape)


def written_types(types: ColumnTypes, declared: Mapping[str, pa.DataType]) -> ColumnTypes:
    """Return the types of the columns after fields of the declared types were written into every sample."""
    shapes = None if types.shapes is None else with_declared(types.shapes, declared)
    tables = None if types.tables is None or not declared else _written_into(types.tables, declared)
    return ColumnTypes(shapes, tables or types.tables)


def _written_into(tables: TableTypes, declared: Mapping[str, pa.DataType]) -> TableTypes | None:
    """Return the types of tables with written fields; None if no sample can have them."""
    none = plain(without_rows(tables.schema)).to_struct_array()
    try:
        written = put_fields(none, {name: pa.nulls(0, kind) for name, kind in declared.items()})
    except SampleError:
        return None
    known = {field.name: field for field in tables.schema}
    fields = [
        known[field.name] if field.name in known and plain_type(known[field.name].type) == field.type else field
        for field in written.type
    ]
    # an integer may be one that no floating-point number represents
    wide = {name for name, kind in declared.items() if kind == pa.int64()}
    return TableTypes(pa.schema(fields, metadata=tables.schema.metadata), tables.wide | wide, tables.mixed)


def converted(fields: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return the fields of samples as another struct; what they lack, or have with another type, is null.

    Unlike `arrow_types.in_type`, it changes no value.
    """
    if fields.type == kind:
        return fields
    if not (pa.types.is_struct(fields.type) and pa.types.is_struct(kind)):
        return pa.nulls(len(fields), kind)
    return with_fields(fields, kind, converted)


def _put_in_record(record: dict[str, Any], name: str, value: object) -> None:
    *path, last = name.split(".")
    _refuse_same_name(name, record)
    holder = record
    for head in path:
        if holder.get(head) is None:
            holder[head] = {}
        holder = holder[head]
        if not isinstance(holder, dict):
            raise _no_object(name, head, exact_json.kind_of(holder))
    holder[last] = value


def put_in_struct(fields: pa.StructArray, path: Sequence[str], values: pa.Array) -> pa.StructArray:
    """Return a struct with a column written into it, at the path of names that lead to it; see `put_fields`."""
    head, *rest = path
    columns = {field.name: column for field, column in zip(fields.type, fields.flatten(), strict=True)}
    old = columns.get(head)
    if not rest:
        columns[head] = values
    elif old is None or pa.types.is_null(old.type):
        columns[head] = _nested(rest, values)
    elif pa.types.is_struct(old.type):
        columns[head] = put_in_struct(old, rest, values)
    elif len(fields):
        raise _no_object(".".join(path), head, f"of type {old.type}")
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


def _nested(path: Sequence[str], values: pa.Array) -> pa.Array:
    for name in reversed(path):
        values = pa.StructArray.from_arrays([values], names=[name])
    return values


def _refuse_same_name(name: str, known: Container[str]) -> None:
    """Raise if a field has the whole name of a nested field: operators would read that one, and not the written one."""
    if "." in name and name in known:
        raise SampleError(f"the sample has a field named {name!r}, so none of this name can be written into another")


def _no_object(name: str, head: str, kind: str) -> SampleError:
    return SampleError(f"the field {head!r} is {kind}, not an object, so {name!r} cannot be written into it")


def _is_finite(values: pa.Array) -> bool:
    """Return whether all numbers of a column are finite, so that they have standard JSON."""
    if pa.types.is_struct(values.type):
        return all(_is_finite(column) for column in values.flatten())
    if pa.types.is_list(values.type):
        return _is_finite(values.flatten())
    return not pa.types.is_floating(values.type) or pc.all(pc.is_finite(values)).as_py() is not False


def _with_field(shape: Shape, path: Sequence[str], new: Shape, most: int) -> Shape:
    head, *rest = path
    known = dict(shape.fields) if isinstance(shape, Struct) else {}
    known[head] = _with_field(known.get(head, "null"), rest, new, MAX_KEYS) if rest else new
    written = Struct(tuple(known.items())) if len(known) <= most else "json"
    return written if isinstance(shape, Struct) else join(shape, written, most)


def _shape_of_type(kind: pa.DataType) -> Shape:
    if pa.types.is_list(kind):
        return ListOf(_shape_of_type(kind.value_type))
    if pa.types.is_struct(kind):
        return Struct(tuple((field.name, _shape_of_type(field.type)) for field in kind))
    # an integer may be one that no floating-point number represents
    return {"bool": "bool", "int64": "wide", "double": "float64", "string": "string"}[str(kind)]
