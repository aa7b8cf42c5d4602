from __future__ import annotations

import json
import math

import pyarrow as pa
import pytest

from dj_assets.sources.fields import MAX_COLUMNS, FieldObserver, FieldTypes, merge, observe, restore
from dj_assets.sources.json_records import read_record
from dj_assets.sources.shapes import shape_of


def restored(*records: str, text_key: str = "text") -> pa.RecordBatch:
    """Parse records, clean their texts to upper case, restore them."""
    observer = FieldObserver()
    samples = [read_record(record.encode(), text_key) for record in records]
    for sample in samples:
        observer.add(sample.shape)
    return restore(
        pa.array([sample.fields for sample in samples], pa.string()),
        pa.array([sample.text.upper() for sample in samples], pa.string()),
        pa.array([sample.id or f"a:{row}" for row, sample in enumerate(samples)], pa.string()),
        observer.types(),
        text_key,
    )


def test_columns_come_back_in_their_order_with_the_cleaned_text() -> None:
    batch = restored('{"b": 1, "text": "x", "a": "q"}', '{"text": "y", "a": "r", "c": true}')
    assert batch.schema.names == ["__dj_id__", "b", "text", "a", "c"]
    assert batch.to_pylist() == [
        {"__dj_id__": "a:0", "b": 1, "text": "X", "a": "q", "c": None},
        {"__dj_id__": "a:1", "b": None, "text": "Y", "a": "r", "c": True},
    ]


def test_an_own_id_stays_and_the_name_of_the_sample_comes_first() -> None:
    batch = restored('{"text": "x", "id": 7, "z": 1}', '{"text": "y", "id": null}')
    assert batch.schema.names == ["__dj_id__", "text", "id", "z"]
    assert batch["__dj_id__"].to_pylist() == ["7", "a:1"]
    assert batch["id"].to_pylist() == [7, None]


def test_the_name_of_an_earlier_run_stays() -> None:
    batch = restored('{"text": "x", "__dj_id__": "b:3", "id": 7}')
    assert batch.to_pylist() == [{"__dj_id__": "b:3", "text": "X", "id": 7}]


def test_the_first_rows_decide_nothing() -> None:
    batch = restored(
        '{"text": "x", "m": null}',
        '{"text": "x", "m": []}',
        '{"text": "x", "m": [{"a": 1}]}',
        '{"text": "x", "m": [{"b": 2.5}]}',
    )
    assert batch.schema.field("m").type == pa.list_(pa.struct([("a", pa.int64()), ("b", pa.float64())]))
    assert batch["m"].to_pylist() == [None, [], [{"a": 1, "b": None}], [{"a": None, "b": 2.5}]]


def test_integers_and_floats_share_a_column_where_that_is_exact() -> None:
    batch = restored('{"text": "x", "m": 1}', '{"text": "x", "m": 2.5}', '{"text": "x", "m": NaN}')
    assert batch.schema.field("m").type == pa.float64()
    assert batch["m"].to_pylist()[:2] == [1.0, 2.5]
    assert math.isnan(batch["m"][2].as_py())


def test_records_that_disagree_become_json_text() -> None:
    values = ["1", '"a"', "null", '{"k":[1.5]}', "NaN", "123456789012345678901234567890", "[true]"]
    batch = restored(*(f'{{"text":"x","m":{value}}}' for value in values))
    assert batch.schema.field("m").type == pa.string()
    assert batch["m"].to_pylist() == [None if value == "null" else value for value in values]


def test_json_text_inside_lists_and_objects() -> None:
    batch = restored('{"text": "x", "m": {"a": [1, "b"], "e": {}, "n": 1}}', '{"text": "x", "m": {"a": null}}')
    assert batch["m"].to_pylist() == [
        {"a": ["1", '"b"'], "e": "{}", "n": 1},
        {"a": None, "e": None, "n": None},
    ]


def test_large_integers_stay_exact_beside_floats() -> None:
    batch = restored(f'{{"text":"x","m":{2**60 + 1}}}', '{"text":"x","m":0.5}')
    assert batch["m"].to_pylist() == [str(2**60 + 1), "0.5"]


def test_a_nested_text_goes_back_inside() -> None:
    batch = restored('{"meta": {"n": 1, "text": "x"}}', '{"meta": {"text": "y"}, "k": 2}', text_key="meta.text")
    assert batch.schema.names == ["__dj_id__", "meta", "k"]
    assert batch["meta"].to_pylist() == [{"n": 1, "text": "X"}, {"n": None, "text": "Y"}]


def test_a_key_with_a_dot_in_it() -> None:
    batch = restored('{"meta.text": "x", "k": 1}', text_key="meta.text")
    assert batch.to_pylist() == [{"__dj_id__": "a:0", "meta.text": "X", "k": 1}]


@pytest.mark.parametrize("text_key", ["text", "meta.text"])
def test_more_keys_than_columns_become_one_json_column(text_key: str) -> None:
    wide = {"text": "x", "meta": {"text": "y"}, **dict.fromkeys(map(str, range(MAX_COLUMNS)), 1)}
    batch = restored(json.dumps(wide), text_key=text_key)
    assert batch.schema.names == (["__dj_id__", "fields", "text"] if text_key == "text" else ["__dj_id__", "fields"])
    record = json.loads(batch["fields"][0].as_py())
    assert len(record) == len(wide)
    assert (record["text"] if text_key == "text" else record["meta"]["text"]).isupper()


def test_no_rows_have_the_schema_of_the_types() -> None:
    types = observe([{"a": 1, "text": None, "b": [None]}])
    none = pa.array([], pa.string())
    schema = restore(none, none, none, types, "text").schema
    assert schema == pa.schema(
        [("__dj_id__", pa.string()), ("a", pa.int64()), ("text", pa.string()), ("b", pa.list_(pa.null()))]
    )


def test_json_needs_its_types() -> None:
    none = pa.array([], pa.string())
    with pytest.raises(ValueError, match="need their types"):
        restore(none, none, none, None, "text")


def test_types_of_shards_merge_and_are_stored() -> None:
    a, b, c = observe([{"x": 1}]), observe([{"y": "s", "x": 0.5}]), observe([{"x": None, "z": []}])
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    merged = merge(merge(a, b), c)
    assert [name for name, _ in merged.columns or ()] == ["x", "y", "z"]
    assert FieldTypes.from_json(json.loads(json.dumps(merged.to_json(), sort_keys=True))) == merged
    assert merged.arrow_type() == pa.struct([("x", pa.float64()), ("y", pa.string()), ("z", pa.list_(pa.null()))])


def test_many_different_records_are_folded_on_the_way() -> None:
    observer = FieldObserver()
    for i in range(1500):
        observer.add(shape_of({f"key{i}": 1, "all": i if i < 1400 else 0.5}))
    columns = dict(observer.types().columns or ())
    assert len(columns) == 1501
    assert columns["all"] == "float64"


def test_a_slice_of_a_struct_restores_its_own_rows() -> None:
    table = pa.StructArray.from_arrays([pa.array([1, 2, 3]), pa.nulls(3)], names=["n", "text"]).slice(1, 2)
    batch = restore(table, pa.array(["b", "c"]), pa.array(["x", "y"]), None, "text")
    assert batch.to_pylist() == [{"__dj_id__": "x", "n": 2, "text": "b"}, {"__dj_id__": "y", "n": 3, "text": "c"}]
