from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.errors import RecipeError
from dj_assets.operators.registry import find, operator_names
from dj_assets.recipe import composites, data_juicer, known_keys, regrouping
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.parameters import of_data_juicer_only


def loaded(*process, **keys):
    return load_recipe({"process": list(process), **keys})


def refused(*process, **keys) -> str:
    with pytest.raises(RecipeError) as caught:
        loaded(*process, **keys)
    return str(caught.value)


@pytest.mark.parametrize("folder", ["./assets", "assets", "/no/such/folder"])
@pytest.mark.parametrize(("kind", "shipped"), [("flagged_words", "ldnoobw"), ("stopwords", "stopwordsiso")])
def test_a_folder_without_word_lists_is_replaced_by_the_shipped_list(folder, kind, shipped):
    recipe = loaded({f"{kind}_filter": {f"{kind}_dir": folder}})
    assert recipe.process[0] == find(f"{kind}_filter")()
    (notice,) = recipe.notices
    assert f"'{folder}' holds no word lists; the list '{shipped}' is used" in notice


def test_a_folder_with_word_lists_is_used_and_a_misspelt_name_is_an_error(tmp_path: Path):
    (tmp_path / "my_flagged_words.json").write_text('{"en": ["bad"]}')
    recipe = loaded({"flagged_words_filter": {"flagged_words_dir": str(tmp_path)}})
    assert recipe.process[0].listed == {"bad"}
    assert recipe.notices == ()
    assert "did you mean 'ldnoobw'?" in refused({"flagged_words_filter": {"flagged_words_dir": "ldnobw"}})


def test_a_null_is_no_value_unless_null_is_a_value():
    recipe = loaded(
        {"text_length_filter": {"min_len": None, "max_len": 50}},
        {"text_chunk_mapper": {"max_len": 9, "split_pattern": None}},
        np=None,
        text_keys=None,
        dataset_path=None,
    )
    assert (recipe.process[0].min_len, recipe.process[0].max_len) == (10, 50)
    assert recipe.process[1].split_pattern is None
    assert (recipe.text_key, recipe.workers, recipe.inputs) == ("text", None, ())


def test_limits_of_whole_numbers_take_fractions_and_stay_whole():
    fraction, whole = loaded({"words_num_filter": {"max_num": 727.8}}, {"words_num_filter": {"max_num": "2e3"}}).process
    assert fraction.condition.keep({"num_words": "n"}).parameters == (10, 727.8)
    assert whole.parameters() == {"max_num": 2000}
    assert isinstance(whole.parameters()["max_num"], int)
    assert "max_num: must be a valid number" in refused({"words_num_filter": {"max_num": "long"}})
    shape = loaded({"image_shape_filter": {"max_width": 727.8798422276}}).process[0]
    assert shape.max_width == 727.8798422276


@pytest.mark.parametrize("name", sorted(known_keys.ALIASES))
def test_operators_for_ray_are_those_of_one_machine(name):
    ours = find(known_keys.ALIASES[name])
    parameters = data_juicer.operators()[name].parameters
    recipe = loaded({name: dict.fromkeys(parameters)})
    assert recipe.process[0] == ours()
    dead = of_data_juicer_only(name, ours)
    assert [key for key in dead if not any(key in notice for notice in recipe.notices)] == []


def test_no_parameter_of_data_juicer_is_unknown():
    without = {name: of_data_juicer_only(name, find(name)) for name in data_juicer.operators() if find(name)}
    ffmpeg = {"capture_stderr", "global_args", "overwrite_output", "save_dir"}
    assert {name: rest for name, keys in without.items() if (rest := keys - known_keys.OPERATOR_IGNORED)} == {
        "audio_add_gaussian_noise_mapper": {"save_dir"},
        "audio_ffmpeg_wrapped_mapper": ffmpeg,
        "human_preference_annotation_mapper": {"label_config_file"},
        "image_captioning_mapper": {"gpu_batch_size"},
        "image_face_blur_mapper": {"cv_classifier", "save_dir"},
        "llm_ray_vllm_engine_pipeline": {"accelerator_type", "api_key", "api_url", "engine_kwargs"},
        "pii_llm_suspect_mapper": {"spacy_auto_download", "spacy_ner_max_chars", "spacy_ner_model", "spacy_ner_models"},
        "text_tagging_by_prompt_mapper": {"max_model_len", "max_num_seqs", "tensor_parallel_size"},
        "video_captioning_from_frames_mapper": {"frame_field"},
        "video_ocr_area_ratio_filter": {"languages_to_detect"},
        "vlm_ray_vllm_engine_pipeline": {"accelerator_type", "engine_kwargs"},
        "video_extract_frames_mapper": {"frame_dir", "video_backend"},
        "video_face_blur_mapper": {"cv_classifier", "save_dir"},
        "video_ffmpeg_wrapped_mapper": ffmpeg,
        "video_aesthetics_filter": {"frame_field"},
        "video_active_speaker_detect_mapper": {"temp_save_path"},
        "video_captioning_face_attribute_emotion_mapper": {"cropping_face_video_temp_path"},
        "video_captioning_from_human_tracks_mapper": {"temp_video_path"},
        "video_human_tracks_extraction_mapper": {
            "YOLOv8_human_model_path",
            "face_detect_S3FD_model_path",
            "face_track_bbox_path",
        },
        "video_human_tracks_face_demographic_mapper": {"original_data_save_path"},
        "video_motion_score_filter": {"frame_field", "if_output_optical_flow", "optical_flow_key", "original_fps"},
        "video_nsfw_filter": {"frame_field"},
    }
    recipe = loaded({"video_motion_score_filter": {"frame_field": None, "original_fps": 25, "min_score": 0.5}})
    assert recipe.process[0].min_score == 0.5
    assert recipe.notices[0].endswith("without effect here: frame_field, original_fps")


def test_old_names_are_applied_and_dead_ones_are_noticed():
    recipe = loaded(
        {"image_nsfw_filter": {"score_threshold": 0.3}},
        {"clean_links_mapper": {"min_links": 0}},
        {"clean_email_mapper": {"max_emails": 9}},
    )
    assert recipe.process[0].max_score == 0.3
    assert recipe.notices == (
        "<dict>: process[0]: image_nsfw_filter: score_threshold: is an earlier name of max_score and read as that",
        "<dict>: operator keys without effect here: max_emails, min_links",
    )
    both = {"image_nsfw_filter": {"score_threshold": 0.3, "max_score": 0.4}}
    assert "score_threshold: is the old name of max_score, which is given, too" in refused(both)


def test_old_names_of_operators_are_those_of_data_juicer_now():
    assert set(known_keys.RENAMED_OPERATORS.values()) <= data_juicer.operators().keys()
    assert not known_keys.RENAMED_OPERATORS.keys() & data_juicer.operators().keys()
    recipe = loaded("naive_grouper", "most_relavant_entities_aggregator")
    assert recipe.process[1].name == "most_relevant_entities_aggregator"


def test_unknown_parameters_are_errors_unless_the_recipe_or_the_caller_says_otherwise():
    entry = {"words_num_filter": {"min_hum": 3, "max_num": 90}}
    sentence = "<dict>: process[0]: words_num_filter: min_hum: unknown parameter"
    cure = "'unknown_parameters: notice' leaves it out, as Data-Juicer does"
    assert refused(entry) == f"{sentence}; did you mean 'min_num'? Else {cure}"
    recipe = loaded(entry, unknown_parameters="notice")
    assert recipe.process[0].parameters() == {"max_num": 90}
    assert recipe.notices == (f"{sentence} without effect; did you mean 'min_num'?",)
    assert load_recipe({"process": [entry]}, "notice") == load_recipe({"process": [entry]}, unknown_parameters="notice")
    with pytest.raises(RecipeError, match="min_hum: unknown parameter"):
        load_recipe({"process": [entry], "unknown_parameters": "notice"}, "error")
    assert "must be 'error' or 'notice', not 'ignore'" in refused(entry, unknown_parameters="ignore")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        # as public recipes have them
        ("character_repetition_filter", "repetition_ratio", 0.2),
        ("document_deduplicator", "op_config", {"lowercase": True}),
        ("extract_entity_attribute_mapper", "model_key", "gpt"),
        ("flagged_words_filter", "lowercase", True),
        ("image_text_matching_filter", "model", "blip"),
        ("text_chunk_mapper", "chunk_size", 512),
        ("text_length_filter", "min_length", 10),
    ],
)
def test_a_refused_parameter_names_the_cure_and_the_cure_loads_it(name, key, value):
    entry = {name: {key: value}}
    assert f"{key}: unknown parameter" in refused(entry)
    assert refused(entry).endswith("'unknown_parameters: notice' leaves it out, as Data-Juicer does")
    recipe = loaded(entry, unknown_parameters="notice")
    assert recipe.process == loaded(name).process
    assert any(f"{key}: unknown parameter without effect" in notice for notice in recipe.notices)


def test_every_operator_of_data_juicer_is_here_or_has_a_reason():
    here = set(operator_names())
    known = data_juicer.operators()
    assert len(known) == 224
    here |= {*composites.NAMES, regrouping.NAME}
    missing = {name: known[name] for name in known if known_keys.ALIASES.get(name, name) not in here}
    assert [name for name, operator in missing.items() if not operator.why] == []
    for name, operator in missing.items():
        assert operator.why in refused(name)


def test_a_grouper_that_is_taken_back_is_left_out():
    length, grouper = {"text_length_filter": {"min_len": 2}}, {"key_value_grouper": {"group_by_keys": ["kind"]}}
    back = {"naive_reverse_grouper": {"batch_meta_export_path": "out.jsonl"}}
    recipe = loaded(length, grouper, "nested_aggregator", back, "words_num_filter")
    assert recipe.process == loaded(length, "words_num_filter").process
    assert recipe.entries == (0, 4)
    [notice] = [notice for notice in recipe.notices if "process[3]: naive_reverse_grouper" in notice]
    assert "so it and key_value_grouper, nested_aggregator are left out" in notice
    assert "put a grouper in front of it" in refused(length, "naive_reverse_grouper")
    assert "put a grouper in front of it" in refused(grouper, length, back)
    assert "export: unknown parameter; known is batch_meta" in refused(
        grouper, {"naive_reverse_grouper": {"export": 1}}
    )


def test_a_misspelt_operator_of_data_juicer_is_named():
    assert refused("image_blurr_mapper").endswith("unknown operator; did you mean 'image_blur_mapper'?")


def test_an_operator_that_is_never_here_says_what_to_do():
    problem = refused("s3_download_file_mapper")
    assert "dj_assets does not: it transfers files inside of an operator; fetch the files before" in problem
    assert "video_hand_reconstruction_mapper: Data-Juicer has this operator, dj_assets does not: it comp" in refused(
        "video_hand_reconstruction_mapper"
    )
