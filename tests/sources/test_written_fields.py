"""Fields that operators write: in JSON records and in structs, and the types of JSON records afterwards."""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa
import pytest

from dj_assets.errors import SampleError
from dj_assets.sources.fields import FieldTypes, observe, restore
from dj_assets.sources.other_texts import put_texts, texts_at
from dj_assets.sources.written_fields import converted, put_fields, with_declared

TAGS = pa.list_(pa.string())
NESTED = pa.struct([("n", pa.int64()), ("inner", pa.list_(pa.struct([("f", pa.float64())])))])


def lines(*records: Any) -> pa.Array:
    return pa.array([json.dumps(record) for record in records], pa.string())


def written(records: list[dict[str, Any]], name: str, values: pa.Array) -> list[dict[str, Any]]:
    """Return the records after a column was written into them, as JSON and as a struct; both must be equal."""
    put = [json.loads(record) for record in put_fields(lines(*records), {name: values}).to_pylist()]
    struct = put_fields(pa.array(records), {name: values})
    assert put == struct.to_pylist()
    return put


def test_columns_are_added_replaced_and_nested() -> None:
    tags = pa.array([["a"], None], TAGS)
    assert written([{"x": 1}, {"x": 2}], "tags", tags) == [{"x": 1, "tags": ["a"]}, {"x": 2, "tags": None}]
    assert written([{"tags": 1, "x": 1}], "tags", tags[:1]) == [{"tags": ["a"], "x": 1}]
    assert written([{"m": {"t": 1, "u": 2}}], "m.t", tags[:1]) == [{"m": {"t": ["a"], "u": 2}}]
    assert written([{"m": None}], "m.t.u", tags[:1]) == [{"m": {"t": {"u": ["a"]}}}]
    structs = pa.array([{"n": 2**60, "inner": [{"f": 0.5}]}], NESTED)
    assert written([{"x": 1}], "s", structs) == [{"x": 1, "s": structs.to_pylist()[0]}]


def test_numbers_without_standard_json_are_kept() -> None:
    (record,) = put_fields(
        lines({"x": 1}), {"s": pa.array([[{"f": math.inf}]], NESTED.field("inner").type)}
    ).to_pylist()
    assert json.loads(record)["s"] == [{"f": math.inf}]


@pytest.mark.parametrize("as_fields", [lines, lambda *records: pa.array(records)], ids=["json", "struct"])
def test_a_field_is_never_written_where_it_would_not_be_read(as_fields: Any) -> None:
    values = pa.array(["v"])
    with pytest.raises(SampleError, match=r"'m' is .*, not an object, so 'm.t' cannot be written"):
        put_fields(as_fields({"m": "text"}), {"m.t": values})
    with pytest.raises(SampleError, match=r"has a field named 'm.t'"):
        put_fields(as_fields({"m.t": "text"}), {"m.t": values})


def test_an_empty_batch_of_structs_is_no_failure() -> None:
    empty = pa.array([], pa.struct([("m", pa.string())]))
    assert put_fields(empty, {"m.t": pa.array([], pa.string())}).type == empty.type


def types_after(declared: dict[str, pa.DataType], *records: dict[str, Any]) -> dict[str, pa.DataType]:
    struct = with_declared(observe(records), declared).arrow_type()
    return {field.name: field.type for field in struct}


def test_declared_types_replace_observed_ones() -> None:
    assert types_after({"s": NESTED}) == {"s": NESTED}
    assert types_after({"x": TAGS, "m.t": pa.float64()}, {"x": 1, "m": {"u": "a"}}) == {
        "x": TAGS,
        "m": pa.struct([("u", pa.string()), ("t", pa.float64())]),
    }
    assert types_after({"m.t": TAGS}, {"m": None}) == {"m": pa.struct([("t", TAGS)])}
    # some records have an object and others a text: the column is JSON
    assert types_after({"m.t": TAGS}, {"m": None}, {"m": "text"}) == {"m": pa.string()}


def test_too_many_columns_stay_one_column_of_json() -> None:
    many = {f"x{n}": n for n in range(2000)}
    assert with_declared(observe([many]), {"new": TAGS}).columns is None
    assert with_declared(FieldTypes("json"), {"new": TAGS}).columns is None


def test_every_value_of_a_declared_type_is_restored() -> None:
    values = pa.array([{"n": 2**62, "inner": []}, {"n": None, "inner": [{"f": 3.0}]}, None], NESTED)
    records = [{"text": None}] * 3
    fields = put_fields(lines(*records), {"s": values})
    types = with_declared(observe(records), {"s": NESTED})
    texts = pa.array(["a", "b", "c"])
    refined = restore(fields, texts, texts, types, "text")
    assert refined["s"].type == NESTED
    assert refined["s"].to_pylist() == values.to_pylist()


def test_what_another_struct_lacks_is_null() -> None:
    kind = pa.struct([("a", TAGS), ("m", pa.struct([("u", pa.string()), ("t", pa.int64())]))])
    old = pa.array([{"a": "text", "m": {"u": "kept"}}, {"a": None, "m": None}])
    assert converted(old, kind).to_pylist() == [{"a": None, "m": {"u": "kept", "t": None}}, {"a": None, "m": None}]


@pytest.mark.parametrize("as_fields", [lines, lambda *records: pa.array(records)], ids=["json", "struct"])
def test_texts_of_nested_fields_are_read_and_replaced(as_fields: Any) -> None:
    fields = as_fields({"m": {"t": "a"}}, {"m": {"t": "b"}})
    assert texts_at(fields, "m.t").to_pylist() == ["a", "b"]
    assert texts_at(put_texts(fields, "m.t", pa.array(["A", "B"])), "m.t").to_pylist() == ["A", "B"]
    for key in ("m", "m.x", "m.t.x"):
        with pytest.raises(SampleError, match="no text under the key"):
            texts_at(fields, key)
    literal = as_fields({"m.t": "whole", "m": {"t": "nested"}})
    assert texts_at(literal, "m.t").to_pylist() == ["whole"]
