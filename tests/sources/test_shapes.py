from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.sources.shapes import (
    MAX_DEPTH,
    InexactError,
    ListOf,
    Struct,
    arrow_type,
    from_json,
    join,
    shape_of,
    to_json,
)

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.sampled_from([2**53 + 1, 2**63, -(2**70)]),
        st.floats(),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, "null"),
        (True, "bool"),
        (5, "int64"),
        (2**53, "int64"),
        (2**53 + 1, "wide"),
        (-(2**63), "wide"),
        (2**63, "json"),
        (float("nan"), "float64"),
        (1e300, "float64"),
        ("a", "string"),
        ([], ListOf("null")),
        ([1, None, 2.5], ListOf("float64")),
        ([1, "a"], ListOf("json")),
        ({}, Struct(())),
        ({"b": 1, "a": [{}]}, Struct((("b", "int64"), ("a", ListOf(Struct(())))))),
        ({"a": dict.fromkeys(map(str, range(201)), 1)}, Struct((("a", "json"),))),
    ],
)
def test_the_shape_of_a_value(value: object, shape: object) -> None:
    assert shape_of(value) == shape


@pytest.mark.parametrize("value", [2.0**63, -(2.0**64), [1e19], {"a": float("inf")}])
def test_a_float_that_may_have_been_an_integer_is_not_trusted(value: object) -> None:
    with pytest.raises(InexactError):
        shape_of(value, exact=False)


def test_deep_nesting_becomes_json() -> None:
    value: object = 1
    for _ in range(MAX_DEPTH + 5):
        value = [value]
    shape = shape_of(value)
    assert "json" in repr(shape)
    with pytest.raises(InexactError):
        shape_of(value, exact=False)


@pytest.mark.parametrize(
    ("a", "b", "joined"),
    [
        ("null", "string", "string"),
        ("int64", "wide", "wide"),
        ("int64", "float64", "float64"),
        ("wide", "float64", "json"),
        ("bool", "int64", "json"),
        ("string", ListOf("string"), "json"),
        (ListOf("null"), ListOf("int64"), ListOf("int64")),
        (Struct((("b", "int64"),)), Struct((("a", "bool"), ("b", "null"))), Struct((("b", "int64"), ("a", "bool")))),
        (Struct(()), ListOf("null"), "json"),
    ],
)
def test_the_smallest_shape_that_holds_both(a: object, b: object, joined: object) -> None:
    assert join(a, b) == joined


def test_a_struct_that_grows_over_200_keys_becomes_json() -> None:
    a = Struct(tuple((str(i), "int64") for i in range(150)))
    b = Struct(tuple((str(i), "int64") for i in range(100, 250)))
    assert join(a, b) == "json"
    assert len(join(a, b, max_keys=250).fields) == 250


@given(values, values, values)
def test_join_is_associative(a: object, b: object, c: object) -> None:
    x, y, z = shape_of(a), shape_of(b), shape_of(c)
    assert join(join(x, y), z) == join(x, join(y, z))
    assert join(x, "null") == join("null", x) == join(x, x) == x


@given(values)
def test_shapes_survive_a_writer_that_sorts_keys(value: object) -> None:
    shape = shape_of(value)
    assert from_json(json.loads(json.dumps(to_json(shape), sort_keys=True))) == shape


def test_arrow_types() -> None:
    shape = shape_of({"a": [{"b": 1}], "c": {}, "d": [1, "x"], "e": None, "f": 2**60})
    assert arrow_type(shape) == pa.struct(
        [
            ("a", pa.list_(pa.struct([("b", pa.int64())]))),
            ("c", pa.string()),
            ("d", pa.list_(pa.string())),
            ("e", pa.null()),
            ("f", pa.int64()),
        ]
    )
