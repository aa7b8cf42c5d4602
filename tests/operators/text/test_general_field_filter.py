"""Conditions over fields and statistics. The expected answers are those of the same expression in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import dj_assets
from dj_assets.errors import RecipeError
from dj_assets.operators.kinds.field_condition import parse_condition
from dj_assets.operators.text.general_field_filter import GeneralFieldFilter
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.operators.text.test_agent_mappers import batch_of

VALUES: dict[str, Any] = {"n": 20, "s": "b", "f": -1.5, "tags": ["x", "y"], "on": True}
KEY = "general_field_filter_condition"


@pytest.mark.parametrize(
    "condition",
    [
        "n == 20",
        "10 < n <= 20 and s != 'a'",
        "10 < n < 20",
        "n in [1, 20] or f > 0",
        "not (n in (1, 2) or s in {'b', 'c'})",
        "'x' in tags and 'z' not in tags",
        "-f == +1.5",
        "on and not n != 20",
        "n",
        "f < -1 < n",
        "s > 'a' >= 'A'",
        "tags == ['x', 'y']",
    ],
)
def test_a_condition_is_what_python_says(condition: str) -> None:
    assert parse_condition(condition).holds(VALUES) == bool(eval(condition, {}, VALUES))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("gone > 1", False),
        ("gone == None", False),
        ("gone in [1]", False),
        ("gone not in [1]", True),
        ("not gone", True),
    ],
)
def test_a_missing_value_is_in_nothing_and_compares_with_nothing(condition: str, expected: bool) -> None:
    assert parse_condition(condition).holds({"gone": None}) is expected


FORBIDDEN = ["open('x')", "n + 1 > 2", "n if on else s", "tags[0] == 'x'", "(lambda: 1)", "n is None", "f'{n}'"]
FORBIDDEN += ["b'x'", "n ==", "x" * 10_001, "().__class__", "[n for n in tags]", "'a'.upper", "\0"]


@pytest.mark.parametrize("condition", FORBIDDEN)
def test_anything_else_is_an_error_when_the_recipe_loads(condition: str) -> None:
    with pytest.raises(ValidationError):
        GeneralFieldFilter(filter_condition=condition)


@pytest.mark.parametrize(("front", "back"), [("(", ")"), ("not ", ""), ("[", "]")])
def test_a_condition_that_is_nested_too_deep_is_an_error(front: str, back: str) -> None:
    with pytest.raises(RecipeError, match="filter_condition: "):
        load_recipe({"process": [{"general_field_filter": {"filter_condition": front * 2000 + "n" + back * 2000}}]})


def test_fields_of_samples() -> None:
    operator = GeneralFieldFilter(filter_condition="stars >= 3 and meta.language == 'en' and text == ''")
    samples = [{"stars": 3, "meta": {"language": "en"}}, {"stars": 9, "meta": {}}, {"stars": 9}]
    assert operator.measure(batch_of(*samples))[KEY].to_pylist() == ["true", "false", "false"]
    assert GeneralFieldFilter().measure(batch_of({}, {}))[KEY].to_pylist() == ["true"] * 2


def kept(tmp_path: Path, *process: object) -> list[str]:
    records = [{"id": str(n), "text": "x" * n, "stars": n} for n in (1, 5, 9)] + [
        {"id": "s", "text": "x", "stars": "9"}
    ]
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    recipe = {"process": [*process]}
    run = dj_assets.run_recipe(recipe, [source], tmp_path / "out", workers=1, format="jsonl", overwrite=True)
    lines = (line for part in sorted((run.folder / "refined").glob("*.jsonl")) for line in part.open())
    return [json.loads(line)["id"] for line in lines]


def condition(text: str) -> dict[str, Any]:
    return {"general_field_filter": {"filter_condition": text}}


LENGTH = {"text_length_filter": {"min_len": 0}}
LONG = condition("__dj__stats__.text_len > 4")


def test_statistics_of_the_operators_before(tmp_path: Path) -> None:
    assert kept(tmp_path, LENGTH, LONG) == ["5", "9"]
    # without an operator that measures it, there is no value
    assert kept(tmp_path, LONG, LENGTH) == []
    # a sample whose values cannot be compared is quarantined, and costs no other
    assert kept(tmp_path, LENGTH, condition("stars < 9")) == ["1", "5"]


def test_the_nearest_statistic_counts_and_is_part_of_the_identity(tmp_path: Path) -> None:
    cut = {"replace_content_mapper": {"pattern": "xx", "repl": "x"}}
    assert kept(tmp_path, LENGTH, cut, LENGTH, LONG) == ["9"]
    before = [[LENGTH], [LENGTH, "alphanumeric_filter"], [{"words_num_filter": {}}]]
    last = [make_plan(load_recipe({"process": [*steps, LONG]})).steps[-1] for steps in before]
    assert last[0].identity == last[1].identity != last[2].identity
    assert [step.reads for step in last] == [{"text_len": "text_len"}, {"text_len": "text_len"}, {}]


def test_the_text_has_the_name_of_the_recipe() -> None:
    entry = condition("content == ''")
    (operator,) = load_recipe({"text_keys": "content", "process": [entry]}).process
    assert operator.text_name == "content"
    assert operator.measure(batch_of({}))[KEY].to_pylist() == ["true"]
    assert GeneralFieldFilter(**entry["general_field_filter"]).measure(batch_of({}))[KEY].to_pylist() == ["false"]
