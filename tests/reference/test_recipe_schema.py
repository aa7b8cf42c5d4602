from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from dj_assets.errors import RecipeError
from dj_assets.recipe import known_keys
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.parameters import ignored_by
from dj_assets.recipe.yaml_file import read_yaml
from dj_assets.reference.operator_tables import shipped_operators
from dj_assets.reference.recipe_schema import recipe_schema
from tests.paths import ROOT, shared

RECIPES = sorted(path for path in (ROOT / "recipes").rglob("*.yaml") if not path.name.endswith(".mix.yaml"))
ASSET = "asset: {subset: s, group: g%s}\nprocess: [text_length_filter]\n"


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    schema = recipe_schema()
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(validator: Draft7Validator, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(read_yaml(path))] == []


@pytest.mark.shared
def test_data_juicers_own_recipes_are_valid_where_we_have_the_operators(validator: Draft7Validator) -> None:
    known = {cls.name for cls in shipped_operators()}
    gallery = json.loads((shared() / "spec/gallery.json").read_text())["recipes"]
    checked = 0
    for name, recipe in gallery.items():
        if {operator for entry in recipe["process"] for operator in entry} <= known:
            checked += 1
            found = [error.message for error in validator.iter_errors({"process": recipe["process"]})]
            assert found == [], name
    assert checked >= 18


RIGHT = [
    "process: [ray_bts_minhash_deduplicator, {ray_bts_minhash_deduplicator: {window_size: 3}}]\n",
    "process:\n- text_length_filter:\n    max_len: '2e5'\n    num_proc: 4\n- clean_email_mapper\n",
    "np: 4\ntext_keys: [content, text]\nexecutor_type: ray\nprocess: [text_length_filter]\n",
    "custom_operator_paths: ops.py\nprocess: [{my_filter: {x: 1}}, my_mapper, text_length_filter]\n",
    ASSET % ", source: {paths: a.jsonl}, reference: {rows_in: 2, rows_out: 1, published_retention: 0.5}",
    ASSET % ", source: {paths: [a.jsonl, b.jsonl]}, word_lists: {flagged_words: ldnoobw}",
    "process:\n- language_id_score_filter: {lang: [en, zh], min_score: 0.5}\n",
]
WRONG = [
    "np: 4\n",
    "process: []\n",
    "process: text_length_filter\n",
    "process: [text_lenght_filter]\n",
    "process: [{text_lenght_filter: {}}]\n",
    "process: [{text_length_filter: {}, clean_email_mapper: {}}]\n",
    "process: [{text_length_filter: {min_length: 1}}]\n",
    "process: [{text_length_filter: {min_len: many}}]\n",
    "process: [{text_length_filter: {min_len: many}}]\n",
    "process: [{text_length_filter: 7}]\n",
    "process: [{character_repetition_filter: {rep_len: 0}}]\n",
    "process: [{document_simhash_deduplicator: {tokenization: words}}]\n",
    "process: [text_length_filter]\ntext_key: text\n",
    "process: [text_length_filter]\nnp: 0\n",
    "process: [text_length_filter]\ntext_keys: []\n",
    "process: [text_length_filter]\nasset: {subset: s}\n",
    ASSET % ", refrence: {}",
    ASSET % ", source: {paths: a.jsonl, glob: b}",
    ASSET.replace("subset: s", "subset: 'S 1'") % "",
    ASSET % ", tolerance: {retention: 2}",
    "custom_operator_paths: ops.py\nprocess: [{text_length_filter: {min_length: 1}}]\n",
]


@pytest.mark.parametrize("text", RIGHT)
def test_right_recipes(validator: Draft7Validator, text: str) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("text", WRONG)
def test_wrong_recipes_are_wrong_for_the_schema_and_for_the_loader(validator: Draft7Validator, text: str) -> None:
    content = yaml.safe_load(text)
    assert not validator.is_valid(content)
    with pytest.raises(RecipeError):
        load_recipe(content)


def test_every_key_and_operator_is_described(validator: Draft7Validator) -> None:
    schema = validator.schema
    assert set(schema["properties"]) == known_keys.HONOURED | known_keys.IGNORED
    for cls in shipped_operators():
        assert schema["definitions"][cls.name]["description"]
        properties = set(schema["definitions"][cls.name]["properties"])
        assert properties == set(cls.model_fields) - ignored_by(cls)
