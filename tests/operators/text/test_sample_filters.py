"""The filters that look at the other fields of a sample."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dj_assets.operators.base import Filter
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.specified_field_filter import SpecifiedFieldFilter
from dj_assets.operators.text.specified_numeric_field_filter import SpecifiedNumericFieldFilter
from dj_assets.operators.text.suffix_filter import SuffixFilter


def batch_of(records: list[dict[str, Any]], *, struct: bool) -> Batch:
    fields = pa.array(records) if struct else pa.array([json.dumps(record) for record in records], pa.string())
    return Batch(Batch.of_texts([""] * len(records)).rows.append_column("fields", fields))


def judged(made: Filter, batch: Batch) -> tuple[list[Any], list[bool]]:
    [(key, column)] = made.measure(batch).items()
    [statistic] = made.statistics
    assert (key, column.type) == (statistic.key, statistic.type)
    test = made.condition.keep({key: key})
    with duckdb.connect() as database:
        database.register("stats", pa.table({key: column}))
        kept = database.execute(f"SELECT {test.text} FROM stats", test.parameters).fetchall()
    return column.to_pylist(), [value for (value,) in kept]


@pytest.mark.parametrize("struct", [False, True])
def test_the_suffix_of_a_document(struct: bool) -> None:
    batch = batch_of(
        [
            {"__dj__suffix__": ".txt", "path": "a.py", "meta": None},
            {"__dj__suffix__": None, "path": "src/A.C", "meta": None},
            {"__dj__suffix__": None, "path": None, "meta": {"file_name": "C:\\build\\Makefile"}},
            {"__dj__suffix__": None, "path": None, "meta": {"file_name": None}},
        ],
        struct=struct,
    )
    made = SuffixFilter(suffixes=[".C", "Makefile"])
    assert judged(made, batch) == ([".txt", ".C", "Makefile", ""], [False, True, True, False])
    assert judged(SuffixFilter(suffixes=".txt", reversed_range=True), batch)[1] == [False, True, True, True]
    assert judged(SuffixFilter(), batch)[1] == [True] * 4


@pytest.mark.parametrize("struct", [False, True])
def test_a_field_has_one_of_some_values(struct: bool) -> None:
    batch = batch_of([{"meta": {"lang": value}} for value in ("en", "fr", None)], struct=struct)
    made = SpecifiedFieldFilter(field_key="meta.lang", target_value=["en", "de"])
    assert judged(made, batch) == (["en", "fr", "null"], [True, False, False])
    turned = SpecifiedFieldFilter(field_key="meta.lang", target_value=["en"], reversed_range=True)
    assert judged(turned, batch)[1] == [False, True, True]
    assert judged(SpecifiedFieldFilter(field_key="meta.lang"), batch)[1] == [True] * 3
    assert judged(SpecifiedFieldFilter(target_value=["en"]), batch)[1] == [True] * 3
    assert judged(SpecifiedFieldFilter(field_key="meta.none.deeper", target_value=["en"]), batch)[1] == [False] * 3


@pytest.mark.parametrize(
    ("value", "target", "kept"),
    [
        (3, [3], True),
        (3, ["3"], False),
        ("3", ["3"], True),
        ("3", [3], False),
        (2.0, [2], True),
        (True, [True], True),
        (None, [None], True),
        ([], ["a"], True),
        (["a", "b"], ["b", "a", "c"], True),
        (["a", "d"], ["b", "a", "c"], False),
        (["3"], [3], False),
        ([3, "x"], [3, "x"], True),
        ('["a"]', ["a"], False),
        ('["a"]', ['["a"]'], True),
        ("[draft", ["[draft"], True),
        (["[draft", 'quo"te', "é一"], ["é一", 'quo"te', "[draft"], True),
    ],
)
def test_values_of_every_kind(value: object, target: list[Any], kept: bool) -> None:
    batch = batch_of([{"kind": value}], struct=False)
    assert judged(SpecifiedFieldFilter(field_key="kind", target_value=target), batch)[1] == [kept]


def test_a_key_with_a_dot_of_its_own_comes_first() -> None:
    batch = batch_of([{"a.b": "whole", "a": {"b": "nested"}}, {"a": {"b": "nested"}}], struct=False)
    assert judged(SpecifiedFieldFilter(field_key="a.b", target_value=["whole"]), batch)[1] == [True, False]


def test_numbers_and_what_is_none() -> None:
    values = [0, 5, "7.5", "1e1", "many", None, [1], True, float("2.5"), "nan", 10**400]
    batch = batch_of([{"n": value} for value in values], struct=False)
    stored, kept = judged(SpecifiedNumericFieldFilter(field_key="n", min_value=0, max_value=8), batch)
    assert stored[:9] == [0.0, 5.0, 7.5, 10.0, None, None, None, 1.0, 2.5]
    assert kept == [True, True, True, False, False, False, False, True, True, False, False]
    assert judged(SpecifiedNumericFieldFilter(min_value=3), batch)[1] == [True] * len(values)


def test_bare_texts_have_no_fields() -> None:
    batch = Batch.of_texts(["a", "b"])
    assert judged(SuffixFilter(suffixes=".py"), batch)[1] == [False, False]
    assert judged(SpecifiedNumericFieldFilter(field_key="n"), batch) == ([None, None], [False, False])
