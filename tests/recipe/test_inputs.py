from __future__ import annotations

import json
from pathlib import Path

import pytest

from dj_assets.errors import RecipeError
from dj_assets.recipe.gallery import sources_of
from dj_assets.recipe.inputs import inputs_of
from dj_assets.recipe.load import load_recipe
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
    assert notice.startswith("<dict>: dataset.configs[0]: 'owner/name' from huggingface is not read; fetch it before")
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
        ({"dataset": {"configs": [{"path": "a"}], "max_sample_num": 0}}, "max_sample_num: must be a whole number"),
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
