from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds
import pytest

import dj_assets
from dj_assets.errors import UserError
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.documents import write_jsonl

SAMPLES = [
    {"id": "a", "text": "aaaa", "meta": {"n": 3, "tag": "x", "list": [1, 5]}},
    {"id": "b", "text": "bb", "meta": {"n": 7.5, "tag": "y", "list": []}},
    {"id": "c", "text": "cc", "meta": {"tag": "x"}},
    {"id": "d", "text": "dddddd", "meta": {"n": "7.5", "tag": None, "list": [2]}},
    {"id": "e", "text": "e", "meta": {"n": 1, "tag": "z", "list": [9]}},
    {"id": "f", "text": "ffffff", "meta": {"n": 3, "tag": "y"}},
]


def kept(tmp_path: Path, *process: object, samples: list[dict[str, object]] = SAMPLES) -> str:
    """Return the ids of the kept samples in one text."""
    source = write_jsonl(tmp_path / "in.jsonl", samples)
    result = dj_assets.run_recipe({"process": [*process]}, [source], tmp_path / "out", workers=1, overwrite=True)
    return "".join(ds.dataset([str(path) for path in result.refined]).to_table(columns=["text"])["text"].to_pylist())


def ids(texts: str) -> str:
    return "".join(dict.fromkeys(texts))


@pytest.mark.parametrize(
    ("selector", "parameters", "wanted"),
    [
        ("topk_specified_field_selector", {"field_key": "meta.n", "topk": 2}, "bd"),
        ("topk_specified_field_selector", {"field_key": "meta.n", "topk": 3}, "abd"),
        ("topk_specified_field_selector", {"field_key": "meta.n", "topk": 2, "reverse": False}, "ce"),
        ("topk_specified_field_selector", {"field_key": "meta.list", "topk": 2}, "ae"),
        ("topk_specified_field_selector", {"field_key": "meta.n", "top_ratio": 0.5, "topk": 2}, "bd"),
        ("topk_specified_field_selector", {"field_key": "meta.n", "top_ratio": 0.2}, "b"),
        ("topk_specified_field_selector", {"field_key": "meta.n"}, "abcdef"),
        ("topk_specified_field_selector", {"topk": 1}, "abcdef"),
        ("range_specified_field_selector", {"field_key": "meta.n", "lower_rank": 1, "upper_rank": 4}, "aef"),
        (
            "range_specified_field_selector",
            {"field_key": "meta.n", "lower_percentile": 0.5, "upper_percentile": 1.0},
            "abd",
        ),
        (
            "range_specified_field_selector",
            {"field_key": "meta.n", "lower_percentile": 0.0, "lower_rank": 2, "upper_percentile": 0.5},
            "a",
        ),
        ("range_specified_field_selector", {"field_key": "meta.n", "lower_rank": 3}, "abcdef"),
        ("range_specified_field_selector", {"field_key": "meta.n", "lower_rank": 5, "upper_rank": 2}, ""),
        ("frequency_specified_field_selector", {"field_key": "meta.tag", "topk": 1}, "ac"),
        ("frequency_specified_field_selector", {"field_key": "meta.tag", "topk": 2}, "abcf"),
        ("frequency_specified_field_selector", {"field_key": "meta.tag", "topk": 1, "reverse": False}, "d"),
        ("frequency_specified_field_selector", {"field_key": "meta.tag", "top_ratio": 0.5}, "abcf"),
        ("tags_specified_field_selector", {"field_key": "meta.tag", "target_tags": ["x", "z"]}, "ace"),
        ("random_selector", {}, "abcdef"),
    ],
)
def test_what_is_selected(selector, parameters, wanted, tmp_path):
    assert ids(kept(tmp_path, {selector: parameters})) == wanted


def test_a_statistic_of_the_nearest_operator_before_is_judged(tmp_path):
    steps = (
        {"text_length_filter": {"min_len": 1}},
        {"topk_specified_field_selector": {"field_key": "__dj__stats__.text_len", "topk": 3}},
    )
    assert ids(kept(tmp_path, *steps)) == "adf"
    plan = make_plan(load_recipe({"process": [{"text_length_filter": {}}, *steps]}))
    assert plan.steps[2].columns == {"__dj__stats__.text_len": "text_len_2"}
    assert plan.stat_columns == ("text_len", "text_len_2")


def test_a_statistic_in_the_data_is_judged_where_no_operator_measures_it(tmp_path):
    samples = [
        {"text": text, "__dj__stats__": {"text_len": number}} for text, number in zip("abc", (1, 9, 5), strict=True)
    ]
    step = {"topk_specified_field_selector": {"field_key": "__dj__stats__.text_len", "topk": 1}}
    assert kept(tmp_path, step, samples=samples) == "b"


def test_one_sample_is_always_selected(tmp_path):
    step = {"tags_specified_field_selector": {"field_key": "meta.tag", "target_tags": ["none"]}}
    assert kept(tmp_path, step, samples=SAMPLES[:1]) == "aaaa"


def test_a_random_selection_depends_on_its_seed_alone(tmp_path):
    samples = [{"text": f"{n:03}"} for n in range(200)]
    first = kept(tmp_path, {"random_selector": {"select_ratio": 0.25}}, samples=samples)
    assert len(first) == 3 * 50
    assert kept(tmp_path, {"random_selector": {"select_num": 50, "select_ratio": 0.9}}, samples=samples) == first
    assert kept(tmp_path, {"random_selector": {"select_num": 50, "seed": 1}}, samples=samples) != first


def test_a_share_beyond_one_is_refused():
    with pytest.raises(UserError, match="top_ratio"):
        load_recipe({"process": [{"topk_specified_field_selector": {"field_key": "n", "top_ratio": 1.5}}]})
