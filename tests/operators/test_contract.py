"""What every registered operator must stand, with its default parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dj_assets.operators import registry
from dj_assets.operators.base import (
    Aggregator,
    Deduplicator,
    Expander,
    FieldMapper,
    Filter,
    Grouper,
    Mapper,
    Measuring,
    Operator,
    Selector,
)
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaDeduplicator, MediaOperator
from dj_assets.operators.kinds.parsed_words import ParsedFilter
from dj_assets.reference.operator_tables import MEDIA_KEYS
from dj_assets.testing.bench import Bench
from dj_assets.testing.check import CHECKS, condition
from dj_assets.testing.texts import TEXTS
from tests.media import with_media
from tests.operators.own_samples import OWN_SAMPLES
from tests.paths import ROOT

LONG = "word " * 200_000

OPERATORS = [
    name
    for name in registry.operator_names()
    if registry.find(name).__module__.startswith("dj_assets.") and name not in OWN_SAMPLES
]
FILTERS = [name for name in OPERATORS if issubclass(registry.find(name), Filter)]


def result(operator: Operator, batch: Batch) -> dict[str, pa.Array]:
    if isinstance(operator, FieldMapper):
        return dict(operator.extract(batch))
    if isinstance(operator, Mapper):
        return {"text": operator.apply(batch).text}
    if isinstance(operator, Measuring):
        return dict(operator.measure(batch))
    if isinstance(operator, Expander):
        return {"children": operator.expand(batch)}
    if isinstance(operator, Aggregator):
        groups = pa.array([[text] for text in batch.text.to_pylist()], pa.list_(pa.string()))
        return {"text": operator.aggregate(groups)}
    assert isinstance(operator, Deduplicator)
    return {"signature": operator.sign(batch)}


def declared(operator: Operator) -> dict[str, pa.DataType]:
    if isinstance(operator, Measuring):
        return {s.key: s.type for s in operator.statistics}
    if isinstance(operator, Expander):
        # texts, or structs of texts and fields, whatever the samples are
        none = Batch.of_texts([])
        children = operator.expand(with_media(none) if isinstance(operator, MediaOperator) else none).type.value_type
        text = children.field("text").type if pa.types.is_struct(children) else children
        assert text == pa.string()
        return {"children": pa.list_(children)}
    if isinstance(operator, Aggregator):
        # texts, or structs of texts and fields, whatever the groups are
        return {"text": operator.aggregate(pa.array([], pa.list_(pa.string()))).type}
    if isinstance(operator, Deduplicator):
        return {"signature": operator.signature_type}
    if isinstance(operator, FieldMapper):
        return dict(operator.fields)
    return {"text": pa.string()}


@pytest.mark.parametrize("name", OWN_SAMPLES)
def test_others_are_tried_with_samples_of_their_own(name: str) -> None:
    assert registry.find(name) is not None
    assert name in (ROOT / OWN_SAMPLES[name]).read_text("utf-8")


@pytest.fixture(params=OPERATORS)
def operator(request: pytest.FixtureRequest) -> Operator:
    return registry.find(request.param)()


def test_results_have_the_declared_lengths_and_types(operator: Operator, bench: Any) -> None:
    found = result(operator, bench.batch(operator, list(TEXTS)))
    assert {key: column.type for key, column in found.items()} == declared(operator)
    assert {len(column) for column in found.values()} <= {len(TEXTS)}
    if isinstance(operator, FieldMapper | Selector | Grouper):
        # a field may have no value, a selector or grouper no statistic
        return
    # what lists no media has no signature of them
    missing = len(TEXTS) if isinstance(operator, MediaDeduplicator) else 0
    assert all(column.null_count == missing for column in found.values())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract_that_authors_check(operator: Operator, check: Any, bench: Any) -> None:
    bench.batch(operator, [])  # skips where a model is missing
    prepare = with_media if isinstance(operator, MediaOperator) else lambda batch: batch
    check(Bench(operator, bench.models, prepare))


def test_one_line_of_a_megabyte(operator: Operator, bench: Any) -> None:
    # a parser of language reads 20,000 words a second
    parsed = isinstance(operator, ParsedFilter)
    for text in (LONG[:50_000] if parsed else LONG, "一" * (40_000 if parsed else 350_000)):
        found = result(operator, bench.batch(operator, [text]))
        assert {len(column) for column in found.values()} <= {1}


def test_the_other_columns_travel_along(operator: Operator, bench: Any) -> None:
    batch = bench.batch(operator, list(TEXTS))
    rows = batch.rows.append_column("row", pa.array(range(len(TEXTS))))
    found = result(operator, replace(batch, rows=rows))
    if isinstance(operator, Mapper):
        assert operator.apply(replace(batch, rows=rows)).rows["row"].to_pylist() == list(range(len(TEXTS)))
    assert {key: column.to_pylist() for key, column in found.items()} == {
        key: column.to_pylist() for key, column in result(operator, bench.batch(operator, list(TEXTS))).items()
    }


def test_every_parameter_left_out_of_the_measure_is_declared(operator: Operator) -> None:
    fields = set(type(operator).model_fields)
    # these are left out only where they are not given
    given = dict.fromkeys((*MEDIA_KEYS, "cv_classifier", "face_model"), "own") | {"is_hf_model": True}
    named = operator.model_copy(update={name: value for name, value in given.items() if name in fields})
    assert fields - set(named.measuring_parameters()) == operator.judging


def test_it_says_what_it_does(operator: Operator) -> None:
    assert type(operator).__doc__
    if isinstance(operator, Filter):
        assert all(statistic.unit for statistic in operator.statistics)
        assert type(operator).statistics == operator.statistics


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("flags", [{}, {"reversed_range": True}, {"min_closed_interval": False}])
def test_the_measure_does_not_depend_on_the_switches(name: str, flags: dict[str, bool], bench: Any) -> None:
    plain, switched = registry.find(name)(), registry.find(name)(**flags)
    batch = bench.batch(plain, list(TEXTS))
    for key, column in plain.measure(batch).items():
        assert column.equals(switched.measure(bench.batch(switched, list(TEXTS)))[key])
    assert plain.measuring_parameters() == switched.measuring_parameters()


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("flags", [{}, {"reversed_range": True}])
def test_the_condition_runs_and_neither_null_nor_nan_is_kept(name: str, flags: dict[str, bool]) -> None:
    condition(Bench(registry.find(name)(**flags)))


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
