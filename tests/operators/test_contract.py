"""What every registered operator must stand, with its default parameters."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from dj_assets.operators import registry
from dj_assets.operators.base import Deduplicator, Filter, Mapper, Operator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaDeduplicator
from dj_assets.operators.kinds.parsed_words import ParsedFilter

TEXTS = [
    "",
    "a",
    "The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog.",
    "nul \x00 in the middle, \x00",
    "replacement \ufffd and noncharacters \uffff \U0010ffff \ufdd0",
    "数据质量决定模型质量。数据质量决定模型质量。",
    "قرأت كتابا عن تاريخ المدينة",
    "emoji 😀 👩\u200d👩\u200d👧 🏳️\u200d🌈",
    "cafe\u0301 e\u0323\u0302 \u0301",
    "line\r\nbreaks\rof\x85every\u2028kind\n\n",
    "  \t\u3000 ",
    "someone@example.com http://example.com/a_(b) www.example.org note:this",
    "ÃƒÂ© &amp; <b> \x1b[31m “quoted”",
    "İSTANBUL ΣΟΦΟΣ ẞ Ø",
]
LONG = "word " * 200_000

OPERATORS = [name for name in registry.operator_names() if registry.find(name).__module__.startswith("dj_assets.")]
FILTERS = [name for name in OPERATORS if issubclass(registry.find(name), Filter)]


def result(operator: Operator, batch: Batch) -> dict[str, pa.Array]:
    if isinstance(operator, Mapper):
        return {"text": operator.apply(batch).text}
    if isinstance(operator, Filter):
        return dict(operator.measure(batch))
    assert isinstance(operator, Deduplicator)
    return {"signature": operator.sign(batch)}


def declared(operator: Operator) -> dict[str, pa.DataType]:
    if isinstance(operator, Filter):
        return {s.key: s.type for s in operator.statistics}
    if isinstance(operator, Deduplicator):
        return {"signature": operator.signature_type}
    return {"text": pa.string()}


def same(a: list[Any], b: list[Any]) -> bool:
    return all(x == y or (isinstance(x, float) and math.isclose(x, y, rel_tol=1e-6)) for x, y in zip(a, b, strict=True))


@pytest.fixture(params=OPERATORS)
def operator(request: pytest.FixtureRequest) -> Operator:
    return registry.find(request.param)()


def test_results_have_the_declared_lengths_and_types(operator: Operator, bench: Any) -> None:
    found = result(operator, bench.batch(operator, TEXTS))
    assert {key: column.type for key, column in found.items()} == declared(operator)
    assert {len(column) for column in found.values()} == {len(TEXTS)}
    # what lists no media has no signature of them
    missing = len(TEXTS) if isinstance(operator, MediaDeduplicator) else 0
    assert all(column.null_count == missing for column in found.values())


def test_an_empty_batch(operator: Operator, bench: Any) -> None:
    batch = bench.batch(operator, [])
    operator.warm_up(batch)
    found = result(operator, batch)
    assert {key: column.type for key, column in found.items()} == declared(operator)
    assert {len(column) for column in found.values()} == {0}


def test_a_batch_is_its_rows(operator: Operator, bench: Any) -> None:
    batch = bench.batch(operator, TEXTS)
    whole = result(operator, batch)
    rows = [result(operator, batch.slice(i, 1)) for i in range(len(TEXTS))]
    for key, column in whole.items():
        assert same(column.to_pylist(), [row[key][0].as_py() for row in rows])


def test_a_slice_of_a_batch(operator: Operator, bench: Any) -> None:
    batch = bench.batch(operator, TEXTS)
    whole, part = result(operator, batch), result(operator, batch.slice(5, 4))
    for key, column in whole.items():
        assert same(column.slice(5, 4).to_pylist(), part[key].to_pylist())


def test_one_line_of_a_megabyte(operator: Operator, bench: Any) -> None:
    # a parser of language reads 20,000 words a second
    long = LONG[:50_000] if isinstance(operator, ParsedFilter) else LONG
    for text in (long, "一" * 350_000):
        found = result(operator, bench.batch(operator, [text]))
        assert {len(column) for column in found.values()} == {1}


def test_the_other_columns_travel_along(operator: Operator, bench: Any) -> None:
    batch = bench.batch(operator, TEXTS)
    rows = batch.rows.append_column("row", pa.array(range(len(TEXTS))))
    found = result(operator, replace(batch, rows=rows))
    if isinstance(operator, Mapper):
        assert operator.apply(replace(batch, rows=rows)).rows["row"].to_pylist() == list(range(len(TEXTS)))
    assert {key: column.to_pylist() for key, column in found.items()} == {
        key: column.to_pylist() for key, column in result(operator, bench.batch(operator, TEXTS)).items()
    }


def test_judging_parameters_are_parameters_and_do_not_measure(operator: Operator) -> None:
    assert operator.judging <= set(type(operator).model_fields)
    assert not operator.judging & set(operator.measuring_parameters())


def test_every_parameter_left_out_of_the_measure_is_declared(operator: Operator) -> None:
    assert set(type(operator).model_fields) - set(operator.measuring_parameters()) == operator.judging


def test_it_says_what_it_does(operator: Operator) -> None:
    assert type(operator).__doc__
    if isinstance(operator, Filter):
        assert all(statistic.unit for statistic in operator.statistics)
        assert type(operator).statistics == operator.statistics


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("flags", [{}, {"reversed_range": True}, {"min_closed_interval": False}])
def test_the_measure_does_not_depend_on_the_switches(name: str, flags: dict[str, bool], bench: Any) -> None:
    plain, switched = registry.find(name)(), registry.find(name)(**flags)
    batch = bench.batch(plain, TEXTS)
    for key, column in plain.measure(batch).items():
        assert column.equals(switched.measure(bench.batch(switched, TEXTS))[key])
    assert plain.measuring_parameters() == switched.measuring_parameters()


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("flags", [{}, {"reversed_range": True}])
def test_the_condition_runs_and_neither_null_nor_nan_is_kept(name: str, flags: dict[str, bool]) -> None:
    made = registry.find(name)(**flags)
    columns = {
        s.key: pa.array([None, np.nan if s.type == pa.float64() else None], s.type, from_pandas=False)
        for s in made.statistics
    }
    names = {key: key for key in columns}
    keep, reason, value = made.condition.keep(names), made.condition.reason(names), made.condition.value(names)
    with duckdb.connect() as database:
        database.register("stats", pa.table(columns))
        rows = database.execute(
            f"SELECT {keep.text}, {reason.text}, {value.text} FROM stats",
            [*keep.parameters, *reason.parameters, *value.parameters],
        ).fetchall()
    assert [kept for kept, _, _ in rows] == [False, False]


def test_nothing_heavy_is_imported_by_the_registry() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from dj_assets.operators import registry; registry.operator_names();"
        "print([m for m in ('numba', 'ftfy', 'kenlm', 'sentencepiece', 'tokenizers', 'fasttext', 'regex',"
        "  'spacy', 'nltk', 'opencc', 'selectolax', 'PIL', 'av', 'cv2', 'decord', 'torch', 'safetensors',"
        "  'open_clip', 'transformers')"
        " if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert out.strip() == "[]"
