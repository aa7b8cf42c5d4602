from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from dj_assets.errors import MissingModelError, RecipeError
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan


def plan_of(*process):
    return make_plan(load_recipe({"process": list(process)}))


def test_a_threshold_moves_only_the_refined_hash():
    a = plan_of({"text_length_filter": {"min_len": 10}})
    b = plan_of({"text_length_filter": {"min_len": 20}})
    assert a.stats_hash == b.stats_hash
    assert a.refined_hash != b.refined_hash


def test_a_measuring_parameter_moves_both():
    a = plan_of({"character_repetition_filter": {"rep_len": 10}})
    b = plan_of({"character_repetition_filter": {"rep_len": 5}})
    assert a.stats_hash != b.stats_hash
    assert a.refined_hash != b.refined_hash


def test_the_distance_of_a_deduplicator_moves_only_the_refined_hash():
    a = plan_of({"document_simhash_deduplicator": {"hamming_distance": 4}})
    b = plan_of({"document_simhash_deduplicator": {"hamming_distance": 3}})
    assert a.stats_hash == b.stats_hash
    assert a.refined_hash != b.refined_hash


def test_a_second_instance_has_its_own_label_and_column():
    plan = plan_of({"character_repetition_filter": {"rep_len": 5}}, {"character_repetition_filter": {"rep_len": 10}})
    assert [step.label for step in plan.steps] == ["character_repetition_filter", "character_repetition_filter_2"]
    assert plan.stat_columns == ("char_rep_ratio", "char_rep_ratio_2")
    assert plan.steps[0].identity != plan.steps[1].identity


def test_a_mapper_before_a_filter_changes_what_it_measures():
    before, mapper, after = plan_of("text_length_filter", "clean_email_mapper", "text_length_filter").steps
    assert before.identity != after.identity
    same, again = plan_of("text_length_filter", {"text_length_filter": {"min_len": 3}}).steps
    assert same.identity == again.identity


def test_the_order_of_operators_is_part_of_the_hash():
    a = plan_of("document_simhash_deduplicator", "clean_email_mapper")
    b = plan_of("clean_email_mapper", "document_simhash_deduplicator")
    assert a.stats_hash != b.stats_hash


CUSTOM = """
from dj_assets.operators.base import Mapper
from dj_assets.operators.registry import register

@register("test_custom_{name}_mapper")
class Custom(Mapper):
    def apply(self, batch):
        return batch.with_text(batch.text)  # {comment}
"""


def test_the_code_of_a_custom_operator_is_part_of_the_hash(tmp_path):
    hashes = []
    for comment in ("first", "second"):
        path = tmp_path / "own.py"
        path.write_text(CUSTOM.format(name="own", comment=comment))
        recipe = load_recipe({"custom_operator_paths": [str(path)], "process": ["test_custom_own_mapper"]})
        hashes.append(make_plan(recipe).stats_hash)
    assert hashes[0] != hashes[1]


def test_two_custom_files_of_one_name_are_both_loaded(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text(CUSTOM.format(name=f"in_{folder}", comment=""))
    paths = [str(tmp_path / folder / "own.py") for folder in ("a", "b")]
    process = ["test_custom_in_a_mapper", "test_custom_in_b_mapper"]
    assert len(load_recipe({"custom_operator_paths": paths, "process": process}).process) == 2


def test_a_missing_package_is_found_before_any_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe({"process": [{"text_length_filter": {}}, {"image_nsfw_filter": {}}]})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "safetensors" else object())
    with pytest.raises(RecipeError) as caught:
        make_plan(recipe).models(ModelStore((tmp_path,)))
    assert "process[1]: image_nsfw_filter" in str(caught.value)
    assert "Please install safetensors: pip install 'dj_assets[vision]'" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_missing_checkpoint_names_the_command_that_gets_it(tmp_path: Path) -> None:
    recipe = load_recipe({"process": [{"phrase_grounding_recall_filter": {}}]})
    with pytest.raises(MissingModelError) as caught:
        make_plan(recipe).models(ModelStore((tmp_path,)))
    place = "process[0]: phrase_grounding_recall_filter"
    assert f"{place}: model 'google/owlvit-base-patch32' is missing" in str(caught.value)
    assert "dj-assets models pull google/owlvit-base-patch32" in str(caught.value)


def test_a_statistic_never_takes_the_place_of_a_sample_id() -> None:
    keys = ("id", "row", "shard", "rank")
    process = [{"specified_numeric_field_filter": {"field_key": key}} for key in keys]
    plan = make_plan(load_recipe({"process": process}))
    assert [dict(step.columns) for step in plan.steps] == [
        {"id": "id_2"},
        {"row": "row_2"},
        {"shard": "shard_2"},
        {"rank": "rank"},
    ]
