"""Shapes of JSON values: the shape of one value, the smallest shape that covers two, the Arrow type of a shape.

A shape is the name of a scalar kind, `ListOf` a shape, or `Struct` of named shapes. `wide` is an int64 that a float64
may not represent exactly (beyond 2**53); `json` covers every value, as text. `join` is associative, commutative up to
the order of keys, and `null` is its neutral element.
"""

from __future__ import annotations

from functools import lru_cache, reduce
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

MAX_KEYS = 200
MAX_DEPTH = 32

_EXACT_INT = 2**53
_INT64 = 2**63
_BY_TYPE: dict[type, str] = {type(None): "null", bool: "bool", str: "string"}
_NUMBERS = {
    frozenset({"int64", "wide"}): "wide",
    frozenset({"int64", "float64"}): "float64",
}
_ARROW = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "wide": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "json": pa.string(),
}

Shape: TypeAlias = "str | ListOf | Struct"


class ListOf(NamedTuple):
    """Shape of a list whose items have one shape."""

    item: Shape


class Struct(NamedTuple):
    """Shape of an object: its keys in first-seen order, each with its shape."""

    fields: tuple[tuple[str, Shape], ...]


class InexactError(ValueError):
    """A value was read in a way that may have lost digits."""


def shape_of(value: Any, *, exact: bool = True, depth: int = 0) -> Shape:  # noqa: ANN401
    """Return the shape of a JSON value.

    Raises
    ------
    InexactError
        Without `exact`, if a number is so large that it may have been an integer, or if the nesting is too deep for a
        check.
    """
    known = _flat_shape(value) if type(value) is dict and not depth else _BY_TYPE.get(type(value))
    if known is not None:
        return known
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        if not exact and not -_INT64 < value < _INT64:
            raise InexactError
        return "float64"
    if depth >= MAX_DEPTH:
        if not exact:
            raise InexactError
        return "json"
    if isinstance(value, list):
        items = dict.fromkeys(shape_of(item, exact=exact, depth=depth + 1) for item in value)
        none: Shape = "null"
        return ListOf(reduce(join, items, none))
    fields = tuple(
        # most values are strings, and need no call
        [(key, _BY_TYPE.get(type(item)) or shape_of(item, exact=exact, depth=depth + 1)) for key, item in value.items()]
    )
    return Struct(fields) if depth == 0 or len(fields) <= MAX_KEYS else "json"


def _flat_shape(record: dict[str, object]) -> Shape | None:
    """Return the shape of a record without numbers, lists and objects, None for another one."""
    kinds = tuple(map(_BY_TYPE.get, map(type, record.values())))
    return None if None in kinds else _flat(tuple(record), kinds)


@lru_cache(1024)
def _flat(keys: tuple[str, ...], kinds: tuple[str, ...]) -> Struct:
    """Return one object for all records of a shape: it is faster to compare."""
    return Struct(tuple(zip(keys, kinds, strict=True)))


def join(a: Shape, b: Shape, max_keys: int = MAX_KEYS) -> Shape:
    """Return the smallest shape that covers the values of both."""
    if b in (a, "null"):
        return a
    if a == "null":
        return b
    if isinstance(a, ListOf) and isinstance(b, ListOf):
        return ListOf(join(a.item, b.item))
    if isinstance(a, Struct) and isinstance(b, Struct):
        fields = dict(a.fields)
        for key, shape in b.fields:
            fields[key] = join(fields.get(key, "null"), shape)
        return Struct(tuple(fields.items())) if len(fields) <= max_keys else "json"
    if isinstance(a, str) and isinstance(b, str):
        return _NUMBERS.get(frozenset({a, b}), "json")
    return "json"


def as_text(shape: Shape) -> bool:
    """Return whether values of this shape become JSON text: they have different types, or are objects without keys."""
    return shape == "json" or shape == Struct(())


def holds_text(shape: Shape) -> bool:
    """Return whether this shape, or one inside it, becomes JSON text."""
    if isinstance(shape, ListOf):
        return holds_text(shape.item)
    if isinstance(shape, Struct):
        return not shape.fields or any(holds_text(inner) for _, inner in shape.fields)
    return shape == "json"


def arrow_type(shape: Shape) -> pa.DataType:
    """Return the Arrow type of a column of this shape."""
    if isinstance(shape, str):
        return _ARROW[shape]
    if as_text(shape):
        return pa.string()
    if isinstance(shape, ListOf):
        return pa.list_(arrow_type(shape.item))
    return pa.struct([pa.field(key, arrow_type(inner)) for key, inner in shape.fields])


def to_json(shape: Shape) -> object:
    """Return the shape as data for JSON; keys keep their order even if a writer sorts objects."""
    if isinstance(shape, ListOf):
        return {"list": to_json(shape.item)}
    if isinstance(shape, Struct):
        return {"struct": [[key, to_json(inner)] for key, inner in shape.fields]}
    return shape


def from_json(data: object) -> Shape:
    """Return the shape that `to_json` wrote."""
    match data:
        case str():
            return data
        case {"list": item}:
            return ListOf(from_json(item))
        case {"struct": list(fields)}:
            return Struct(tuple((key, from_json(inner)) for key, inner in fields))
    raise ValueError(f"{data!r} is no shape")


def _integer(value: int) -> Shape:
    if -_EXACT_INT <= value <= _EXACT_INT:
        return "int64"
    return "wide" if -_INT64 <= value < _INT64 else "json"
