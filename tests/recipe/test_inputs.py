from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dj_assets.analysis.changed_recipe import changed_lines, with_parameters, write_changed
from dj_assets.errors import RecipeError, UserError
from dj_assets.models.store import ModelStore
from dj_assets.operators.selectors.mixture_selector import MixtureSelector
from dj_assets.recipe.gallery import as_asset, reading_like, sources_of
from dj_assets.recipe.inputs import inputs_of
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset import run_recipe
from dj_assets.subset.inputs import files_of


def paths(**content: object) -> list[str]:
    return [path for source in inputs_of(content, "x.yaml").sources for path in source.paths]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a.jsonl", ["a.jsonl"]),
        ("my data/a file.jsonl", ["my data/a file.jsonl"]),
        ("0.3 a.jsonl 0.7 b.jsonl", ["a.jsonl", "b.jsonl"]),
        ("a.jsonl 2 'my data/b.jsonl'", ["a.jsonl", "my data/b.jsonl"]),
        ("it's.jsonl", ["it's.jsonl"]),
    ],
)
def test_a_path_may_be_several_with_weights(written: str, expected: list[str]) -> None:
    found = inputs_of({"dataset_path": written}, "x.yaml")
    assert [path for source in found.sources for path in source.paths] == expected
    assert any("weights have no effect" in notice for notice in found.notices) == (len(expected) > 1)


def test_the_entries_of_a_dataset_are_sources() -> None:
    configs = [{"type": "local", "path": "a.jsonl", "weight": 2.0}, {"path": "s3://bucket/b.jsonl"}]
    found = inputs_of({"dataset": {"configs": configs}}, "x.yaml")
    assert [(source.paths, source.origin) for source in found.sources] == [
        (("a.jsonl",), "a.jsonl"),
        (("s3://bucket/b.jsonl",), "s3://bucket/b.jsonl"),
    ]
    assert found.notices == ("x.yaml: dataset: weights have no effect without max_sample_num, as in Data-Juicer",)


def test_the_path_goes_before_the_dataset() -> None:
    assert paths(dataset_path="b.jsonl", dataset={"configs": [{"path": "a.jsonl"}]}) == ["b.jsonl"]
    assert paths(dataset_path="", dataset=[]) == []


def test_an_entry_that_cannot_be_read_is_said_and_the_recipe_loads() -> None:
    remote = {"type": "remote", "source": "huggingface", "path": "owner/name", "split": "train"}
    recipe = load_recipe({"process": ["document_deduplicator"], "dataset": {"configs": [remote]}})
    assert recipe.inputs == ()
    (notice,) = recipe.notices
    assert notice.startswith("<dict>: dataset.configs[0]: 'owner/name': split is not read; name the files")
    with pytest.raises(RecipeError, match="has no source"):
        sources_of(recipe)


def test_credentials_in_the_recipe_are_not_used() -> None:
    entry = {"type": "remote", "source": "s3", "path": "s3://b/a.jsonl", "aws_access_key_id": "k", "aws_region": "r"}
    found = inputs_of({"dataset": {"configs": [entry]}}, "x.yaml")
    assert found.sources[0].paths == ("s3://b/a.jsonl",)
    assert found.notices == (
        "x.yaml: dataset.configs[0]: not used: aws_access_key_id, aws_region; set the variables AWS_… in their place",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"dataset_path": 7}, "x.yaml: dataset_path: must be a path, not 7"),
        ({"dataset_path": "0.5"}, "x.yaml: dataset_path: names no path: '0.5'"),
        ({"dataset": "a.jsonl"}, "x.yaml: dataset: needs a list 'configs'"),
        ({"dataset": {"configs": []}}, "x.yaml: dataset: needs a list 'configs'"),
        ({"dataset": {"configs": [{"type": "local"}]}}, r"x.yaml: dataset.configs\[0\]: needs a path"),
        (
            {"dataset": {"configs": [{"path": "a"}], "max_sample_num": 0}},
            "dataset.max_sample_num: .*greater than 0, not 0",
        ),
        (
            {"dataset": {"configs": [{"path": "a", "weight": -1}, {"path": "b"}], "max_sample_num": 9}},
            "dataset.weights.a: .*greater than or equal to 0, not -1",
        ),
        ({"dataset_path": "s3://user:secret@bucket/a"}, r"x.yaml: dataset_path: .*s3://\*\*\*@bucket"),
    ],
)
def test_a_mistake_is_one_line(content: dict[str, object], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        inputs_of(content, "x.yaml")


def test_both_files_are_read(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": name}) + "\n")
    written = f"0.5 {tmp_path / 'a.jsonl'} 0.5 {tmp_path / 'b.jsonl'}"
    recipe = load_recipe({"process": ["document_deduplicator"], "dataset_path": written})
    assert [file.path.name for file in files_of(recipe)] == ["a.jsonl", "b.jsonl"]


def mixed(tmp_path: Path, **dataset: Any) -> dict[str, int]:
    """Return the numbers of refined samples by the first letter of their texts: 30 records of a, 10 of b."""
    for name, records in (("a", 30), ("b", 10)):
        lines = (json.dumps({"text": f"{name}{n}"}) + "\n" for n in range(records))
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    configs = [{"path": str(tmp_path / f"{name}.jsonl"), "weight": weight} for name, weight in (("a", 1), ("b", 3))]
    recipe = load_recipe(
        {"process": [{"text_length_filter": {"min_len": 0}}], "dataset": {"configs": configs, **dataset}}
    )
    layout = {"paths": [config["path"] for config in configs]}
    assert [source.paths[0] for source in recipe.inputs] == layout["paths"]
    subset = as_asset(recipe, tmp_path / "g" / "mix.yaml")
    run = run_recipe(subset, layout["paths"], tmp_path / "out", workers=1, format="jsonl", overwrite=True)
    lines = (line for part in (run.folder / "refined").glob("*.jsonl") for line in part.open())
    return dict(Counter(json.loads(line)["text"][0] for line in lines))


def test_samples_are_mixed_by_weights_with_a_seed(tmp_path: Path) -> None:
    assert mixed(tmp_path) == {"a": 30, "b": 10}
    assert mixed(tmp_path, max_sample_num=12) == {"a": 3, "b": 9}
    # of a source with fewer samples, all are taken
    assert mixed(tmp_path, max_sample_num=100) == {"a": 25, "b": 10}


def test_the_selector_of_a_mixture_is_in_front_and_not_in_the_file() -> None:
    dataset = {"configs": [{"path": "a.jsonl"}], "max_sample_num": 5}
    recipe = load_recipe({"process": [{"python_lambda_mapper": {}}], "dataset": dataset})
    assert [operator.name for operator in recipe.process] == ["mixture_selector", "python_lambda_mapper"]
    assert (recipe.process[0].max_sample_num, recipe.process[0].weights, recipe.prepended) == (5, {}, 1)
    with pytest.raises(RecipeError, match=r"<dict>: process\[0\]: python_lambda_mapper: runs Python code"):
        make_plan(recipe).models(ModelStore())


def test_a_changed_threshold_is_written_to_the_operator_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(
        "text_keys: content\ndataset: {configs: [{path: a.jsonl}], max_sample_num: 5}\n"
        "process:\n  - text_length_filter: {min_len: 3}\n"
    )
    recipe = load_recipe(path)
    changes = {1: {"min_len": 4}}
    write_changed(recipe, changes, with_parameters(recipe, changes), path)
    assert "text_length_filter: {min_len: 4}" in path.read_text()
    assert "+  - text_length_filter: {min_len: 5}" in changed_lines(load_recipe(path), {1: {"min_len": 5}})
    with pytest.raises(UserError, match="not in the list of the file"):
        changed_lines(recipe, {0: {"seed": 1}})


@pytest.mark.parametrize(
    ("weights", "most", "expected"),
    [
        ({"a": 1, "b": 1}, 5, {"a": 3, "b": 2}),
        ({"a": 1, "b": 1, "c": 1}, 4, {"a": 2, "b": 2, "c": 0}),
        ({"a": 0, "b": 2}, 3, {"a": 0, "b": 3}),
        ({}, 3, {}),
    ],
)
def test_shares_are_rounded_up_and_the_last_ones_get_the_rest(
    weights: dict[str, float], most: int, expected: dict[str, int]
) -> None:
    assert MixtureSelector(max_sample_num=most, weights=weights).numbers == expected


def test_other_files_take_the_places_of_the_sources() -> None:
    configs = [{"path": "a.jsonl"}, {"path": "b.jsonl", "weight": 2}]
    recipe = load_recipe({"process": ["document_deduplicator"], "dataset": {"configs": configs, "max_sample_num": 3}})
    assert recipe.process[0].parameters() == {
        "max_sample_num": 3,
        "weights": {"a.jsonl": 1.0, "b.jsonl": 2.0},
        "seed": 42,
    }
    read = reading_like(recipe, ["/data/x.jsonl", "/data/y.jsonl"])
    assert [(source.paths, source.origin) for source in read] == [
        (("/data/x.jsonl",), "a.jsonl"),
        (("/data/y.jsonl",), "b.jsonl"),
    ]
