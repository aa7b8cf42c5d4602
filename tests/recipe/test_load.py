from __future__ import annotations

import re
from pathlib import Path

import pytest

from dj_assets.errors import RecipeError
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.tokens import SpecialTokens
from dj_assets.recipe.load import keys_of_media, load_recipe

GOOD = "process:\n  - clean_email_mapper:\n  - text_length_filter:\n      min_len: 10\n      max_len: 2e5\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plain_data_juicer_file_loads(tmp_path):
    text = (
        "project_name: x\ndataset_path: a.jsonl\nexport_path: b.jsonl\nnp: 4\nopen_tracer: true\nuse_cache: false\n"
        "executor_type: ray\ntext_keys: [content, text]\n" + GOOD
    )
    recipe = load_recipe(write(tmp_path, text))
    assert [operator.name for operator in recipe.process] == ["clean_email_mapper", "text_length_filter"]
    assert recipe.text_key == "content"
    assert recipe.workers == 4
    assert recipe.inputs[0].paths == ("a.jsonl",)
    (notice,) = recipe.notices
    assert "executor_type, export_path, use_cache" in notice


@pytest.mark.parametrize("written", ["2e5", "'2e5'", "200000", "2.0e+5", "200_000"])
def test_numbers_as_recipes_write_them(tmp_path, written):
    recipe = load_recipe(write(tmp_path, GOOD.replace("2e5", written)))
    assert recipe.process[1].max_len == 200000


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("process: [", "mine.yaml: line 1: "),
        ("- a\n", "mine.yaml: holds list, not a mapping with a 'process' list"),
        ("process: []\n", "mine.yaml: process: needs a list of at least one operator"),
        ("process:\n  - a: {}\n    b: {}\n", "mine.yaml: process[0]: must be one operator name with its parameters"),
        (GOOD + "process: []\n", "key 'process' is given twice"),
        (GOOD + "text_key: text\n", "mine.yaml: text_key: unknown key; did you mean 'text_keys'?"),
        (GOOD + "np: many\n", "mine.yaml: np: must be a whole number above 0, not 'many'"),
        (
            "process:\n  - clean_email_maper:\n",
            "mine.yaml: process[0]: clean_email_maper: unknown operator; did you mean 'clean_email_mapper'?",
        ),
        (
            GOOD.replace("min_len", "min_length"),
            "mine.yaml: process[1]: text_length_filter: min_length: unknown parameter; did you mean 'min_len'?",
        ),
        (
            GOOD.replace("2e5", "long"),
            "mine.yaml: process[1]: text_length_filter: max_len: must be a valid",
        ),
        (
            "process:\n  - image_tagging_mapper:\n",
            "mine.yaml: process[0]: image_tagging_mapper: Data-Juicer has this operator, dj_assets does not yet",
        ),
        (
            "process:\n  - text_length_filter: 7\n",
            "mine.yaml: process[0]: text_length_filter: parameters must be a mapping, not 7",
        ),
        (
            GOOD + "asset: {subset: c4}\n",
            "mine.yaml: asset.group: is required",
        ),
        (
            GOOD + "asset: {subset: c4, group: web, refrence: {}}\n",
            "mine.yaml: asset.refrence: unknown parameter; did you mean 'reference'?",
        ),
    ],
)
def test_every_mistake_is_one_line_with_its_place(tmp_path, text, sentence):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, text))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(RecipeError, match=r"gone\.yaml: no such file"):
        load_recipe(tmp_path / "gone.yaml")


def test_operator_keys_without_effect_are_noticed_once():
    recipe = load_recipe({"process": [{"text_length_filter": {"num_proc": 4, "batch_size": 10}}]})
    assert recipe.notices == ("<dict>: operator keys without effect here: batch_size, num_proc",)


def test_a_word_list_named_by_the_asset_block_reaches_the_filter():
    block = {"subset": "s", "group": "g", "word_lists": {"flagged_words": "ldnoobw"}}
    recipe = load_recipe({"process": [{"flagged_words_filter": {}}], "asset": block})
    assert recipe.process[0].parameters() == {"flagged_words_dir": "ldnoobw"}


def test_custom_operators_load_from_a_path_beside_the_recipe(tmp_path):
    (tmp_path / "shout.py").write_text(
        "import pyarrow.compute as pc\n"
        "from dj_assets.operators.base import Mapper\n"
        "from dj_assets.operators.registry import register\n\n\n"
        "@register('test_shout_mapper')\nclass Shout(Mapper):\n"
        "    def apply(self, batch):\n        return batch.with_text(pc.utf8_upper(batch.text))\n"
    )
    recipe = load_recipe(write(tmp_path, "custom_operator_paths: [shout.py]\nprocess: [test_shout_mapper]\n"))
    assert recipe.process[0].name == "test_shout_mapper"
    assert recipe.custom_operators == (tmp_path / "shout.py",)
    with pytest.raises(RecipeError, match="no such Python file or folder"):
        load_recipe(write(tmp_path, "custom_operator_paths: whisper.py\nprocess: [test_shout_mapper]\n"))


def test_the_keys_of_media_have_data_juicers_defaults_and_names():
    assert load_recipe({"process": ["text_length_filter"]}).media == MediaKeys()
    named = {
        "image_key": "pictures",
        "video_key": "clips",
        "image_bytes_key": "raw",
        "image_special_token": "<image>",
        "video_special_token": "<v>",
        "audio_special_token": "<a>",
        "eoc_special_token": "<end>",
    }
    media = load_recipe({**named, "process": ["text_length_filter"]}).media
    assert (media.images, media.videos, media.image_bytes) == ("pictures", "clips", "raw")
    assert media.tokens == SpecialTokens("<image>", "<v>", "<a>", "<end>")
    assert keys_of_media(media) == named
    assert keys_of_media(MediaKeys()) == {}


def test_a_token_that_is_no_name_is_one_line():
    with pytest.raises(RecipeError, match="image_special_token: must be a name, not 7"):
        load_recipe({"process": ["text_length_filter"], "image_special_token": 7})


def test_a_recipe_uses_the_tokens_that_the_reader_of_its_format_writes():
    block = {"subset": "s", "group": "g", "source": {"path": "a.json", "format": "llava"}}
    with pytest.raises(RecipeError, match=r"image_special_token: is .*set it to '<image>'"):
        load_recipe({"process": ["text_length_filter"], "asset": block})
    load_recipe({"process": ["text_length_filter"], "asset": block, "image_special_token": "<image>"})


@pytest.mark.parametrize(
    ("operator", "place"),
    [
        ("text_length_filter: {min_len: 10, max_len: 5}", "text_length_filter: min_len: is 10, above max_len 5"),
        ("alphanumeric_filter: {min_ratio: .nan}", "alphanumeric_filter: min_ratio: is NaN"),
        ("language_id_score_filter: {min_score: .nan}", "language_id_score_filter: min_score: is NaN"),
        ("image_shape_filter: {min_height: 9, max_height: 8}", "min_height: is 9, above max_height 8"),
        ("image_watermark_filter: {prob_threshold: .nan}", "image_watermark_filter: prob_threshold: is NaN"),
        ("video_motion_score_filter: {min_score: 2, max_score: 1}", "video_motion_score_filter: min_score: is 2"),
        ("specified_numeric_field_filter: {field_key: n, max_value: .nan}", "max_value: is NaN"),
        ("specified_field_filter: {field_key: n, target_value: [.nan]}", None),
    ],
)
def test_bounds_that_no_value_satisfies_are_refused(tmp_path, operator, place):
    recipe = write(tmp_path, f"process:\n  - {operator}\n")
    if place is None:
        assert len(load_recipe(recipe).process) == 1
        return
    with pytest.raises(RecipeError, match=re.escape(place)):
        load_recipe(recipe)
