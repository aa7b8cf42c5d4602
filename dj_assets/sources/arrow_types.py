"""Arrow types of columns: the form in which a column is carried, and the smallest type that covers two."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

_TEXTS = (pa.string(), pa.large_string(), pa.string_view())
_BINARY = (pa.binary(), pa.large_binary(), pa.binary_view())
_LARGE = (pa.large_string(), pa.large_binary())


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column is carried to the refined file: without views, at any depth.

    pyarrow 26 cannot take rows of a string view or a binary view.
    """
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if isinstance(kind, pa.BaseExtensionType):
        storage = plain_type(kind.storage_type)
        return kind if storage == kind.storage_type else storage
    return with_inner(kind, lambda field: field.with_type(plain_type(field.type)))


def is_textual(kind: pa.DataType) -> bool:
    """Return whether values of a type, or of its dictionary, are texts or bytes that may be UTF-8."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # writers without the annotation for strings write plain binary; it was checked to be UTF-8
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    )


def in_type(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array in another type, at any depth; fields that a struct lacks are null.

    The function `cast` of pyarrow 26 refuses list views, and gives invalid lists of a fixed size.

    Raises
    ------
    pa.ArrowInvalid, pa.ArrowNotImplementedError
        If a value has no equal in the other type.
    """
    if array.type == kind:
        return array
    if isinstance(array, pa.ExtensionArray):
        return in_type(array.storage, kind)
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, in_type(array, kind.storage_type))
    rebuild = next((make for test, make in _REBUILD.items() if test(kind) and test(array.type)), None)
    return array.cast(kind) if rebuild is None else rebuild(array, kind)


def joined_field(a: pa.Field, b: pa.Field, *, wide: bool = True) -> pa.Field | None:
    """Return a field that holds the values of both exactly, or None if there is none.

    `wide` states that integers of 64 bits may be too large for a float64.
    """
    kind = joined_type(a.type, b.type, wide=wide)
    if kind is None:
        return None
    return pa.field(a.name, kind, a.nullable or b.nullable, shared_metadata(a.metadata, b.metadata))


def joined_type(a: pa.DataType, b: pa.DataType, *, wide: bool = True) -> pa.DataType | None:
    """Return the smallest type that holds the values of both exactly, or None if there is none."""
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    a, b = (kind.value_type if pa.types.is_dictionary(kind) else kind for kind in (a, b))
    if a == b:
        return a
    rules = (_joined_numbers, _joined_decimals, _joined_texts, _joined_lists, _joined_structs, _joined_maps)
    joined = next((kind for rule in rules if (kind := rule(a, b)) is not None), None)
    rounded = wide and joined == pa.float64() and any(pa.types.is_integer(k) and k.bit_width == 64 for k in (a, b))
    return None if rounded else joined


def shared_metadata(a: dict[bytes, bytes] | None, b: dict[bytes, bytes] | None) -> dict[bytes, bytes] | None:
    """Return the entries that both have."""
    shared = {key: value for key, value in (a or {}).items() if (b or {}).get(key) == value}
    return shared or None


def _joined_numbers(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    is_float, is_whole, is_signed = pa.types.is_floating, pa.types.is_integer, pa.types.is_signed_integer
    if (is_float(a) and is_float(b)) or (is_whole(a) and is_whole(b) and is_signed(a) == is_signed(b)):
        return max(a, b, key=lambda kind: kind.bit_width)
    if is_whole(a) and is_whole(b):
        signed, unsigned = (a, b) if is_signed(a) else (b, a)
        bits = max(signed.bit_width, 2 * unsigned.bit_width)
        return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}.get(bits)
    return pa.float64() if all(is_whole(kind) or is_float(kind) for kind in (a, b)) else None


def _joined_decimals(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_decimal(a) and pa.types.is_decimal(b)):
        return None
    scale = max(a.scale, b.scale)
    digits = max(a.precision - a.scale, b.precision - b.scale) + scale
    made = pa.decimal128 if digits <= 38 else pa.decimal256
    return made(digits, scale) if digits <= 76 else None


def _joined_texts(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    large = a in _LARGE or b in _LARGE
    if a in _TEXTS and b in _TEXTS:
        return pa.large_string() if large else pa.string()
    if all(kind in _BINARY or pa.types.is_fixed_size_binary(kind) for kind in (a, b)):
        return pa.large_binary() if large else pa.binary()
    return None


def _joined_lists(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if not (is_list(a) and is_list(b)):
        return None
    item = joined_field(a.value_field, b.value_field)
    large = any(pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind) for kind in (a, b))
    return None if item is None else pa.large_list(item) if large else pa.list_(item)


def _joined_structs(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_struct(a) and pa.types.is_struct(b)):
        return None
    first, second = ({field.name: field for field in kind} for kind in (a, b))
    fields = [
        joined_field(first[name], second[name]) if name in first and name in second else field.with_nullable(True)
        for name, field in {**first, **{n: f for n, f in second.items() if n not in first}}.items()
    ]
    return None if any(field is None for field in fields) else pa.struct(fields)


def _joined_maps(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    if not (pa.types.is_map(a) and pa.types.is_map(b)):
        return None
    key, item = joined_field(a.key_field, b.key_field), joined_field(a.item_field, b.item_field)
    return None if key is None or item is None else pa.map_(key, item, a.keys_sorted and b.keys_sorted)


def is_list(kind: pa.DataType) -> bool:
    """Return whether a type is one of the lists of Arrow."""
    tests = (
        pa.types.is_list,
        pa.types.is_large_list,
        pa.types.is_fixed_size_list,
        pa.types.is_list_view,
        pa.types.is_large_list_view,
    )
    return any(test(kind) for test in tests)


def with_inner(kind: pa.DataType, change: Callable[[pa.Field], pa.Field]) -> pa.DataType:
    """Return a nested type with changed inner fields; other types are returned unchanged."""
    if pa.types.is_struct(kind):
        return pa.struct([change(field) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(change(kind.key_field), change(kind.item_field), kind.keys_sorted)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(change(kind.value_field), kind.list_size)
    if pa.types.is_dictionary(kind):
        inner = change(pa.field("", kind.value_type)).type
        return kind if inner == kind.value_type else pa.dictionary(kind.index_type, inner, kind.ordered)
    makers = {
        pa.types.is_list: pa.list_,
        pa.types.is_large_list: pa.large_list,
        pa.types.is_list_view: pa.list_view,
        pa.types.is_large_list_view: pa.large_list_view,
    }
    return next((make(change(kind.value_field)) for test, make in makers.items() if test(kind)), kind)


def has_inner_dictionary(kind: pa.DataType) -> bool:
    """Return whether a list, a struct or a map contains a dictionary at any depth."""
    inner = [kind.field(number).type for number in range(kind.num_fields)] if pa.types.is_nested(kind) else []
    return any(pa.types.is_dictionary(each) or has_inner_dictionary(each) for each in inner)


def with_fields(
    array: pa.StructArray, kind: pa.StructType, convert: Callable[[pa.Array, pa.DataType], pa.Array]
) -> pa.StructArray:
    """Return a struct with the fields of another type, each converted by a function; fields that it lacks are null."""
    held = {field.name: column for field, column in zip(array.type, array.flatten(), strict=True)}
    columns = [
        convert(held[field.name], field.type) if field.name in held else pa.nulls(len(array), field.type)
        for field in kind
    ]
    return pa.StructArray.from_arrays(columns, fields=list(kind), mask=array.is_null())


def _struct(array: pa.StructArray, kind: pa.StructType) -> pa.StructArray:
    return with_fields(array, kind, in_type)


def _list(array: pa.ListArray, kind: pa.ListType) -> pa.ListArray:
    # the offsets of a slice begin elsewhere: a copy takes a mask
    offsets = pa.array(array.offsets.to_numpy(zero_copy_only=False).copy())
    return type(array).from_arrays(offsets, in_type(array.values, kind.value_type), type=kind, mask=array.is_null())


def _list_view(array: pa.ListViewArray, kind: pa.ListViewType) -> pa.ListViewArray:
    offsets, sizes = (pa.array(each.to_numpy(zero_copy_only=False).copy()) for each in (array.offsets, array.sizes))
    values = in_type(array.values, kind.value_type)
    return type(array).from_arrays(offsets, sizes, values, type=kind, mask=array.is_null())


def _fixed_size_list(array: pa.FixedSizeListArray, kind: pa.FixedSizeListType) -> pa.Array:
    size = array.type.list_size
    if size != kind.list_size:
        return array.cast(kind)
    values = array.values.slice(array.offset * size, len(array) * size)
    return pa.FixedSizeListArray.from_arrays(in_type(values, kind.value_type), type=kind, mask=array.is_null())


def _map(array: pa.MapArray, kind: pa.MapType) -> pa.MapArray:
    offsets = pa.array(array.offsets.to_numpy(zero_copy_only=False).copy())
    keys, items = in_type(array.keys, kind.key_type), in_type(array.items, kind.item_type)
    return pa.MapArray.from_arrays(offsets, keys, items, type=kind, mask=array.is_null())


_REBUILD: dict[Callable[[pa.DataType], bool], Callable[[pa.Array, pa.DataType], pa.Array]] = {
    pa.types.is_struct: _struct,
    pa.types.is_list: _list,
    pa.types.is_large_list: _list,
    pa.types.is_list_view: _list_view,
    pa.types.is_large_list_view: _list_view,
    pa.types.is_fixed_size_list: _fixed_size_list,
    pa.types.is_map: _map,
}
