"""The recipes of Img-Diff have the values of Data-Juicer's recipe, and those of the code of the paper."""

from __future__ import annotations

import random

import pytest

from dj_assets.recipe.gallery import find_gallery
from tests.paths import ROOT

DATA_JUICER = ("img_diff_captions", "img_diff_pairs", "img_diff_boxes", "img_diff_regions", "img_diff")
BLIP_BASE, BLIP_LARGE = "Salesforce/blip-itm-base-coco", "Salesforce/blip-itm-large-coco"
# By operator: the parameters that the recipe of the hub and the code of the paper set, with their values.
VALUES = {
    "data_juicer": {
        "sentence_augmentation_mapper": {
            "hf_model": "Qwen/Qwen2-7B-Instruct",
            "max_new_tokens": 512,
            "temperature": 0.9,
            "top_p": 0.95,
            "num_beams": 1,
            "keep_after": None,
        },
        "sdxl_prompt2prompt_mapper": {
            "hf_diffusion": "stabilityai/stable-diffusion-xl-base-1.0",
            "torch_dtype": "fp16",
            "num_inference_steps": 50,
            "guidance_scale": 7.5,
            "self_replace_steps": 0.4,
            "cross_replace_steps": 1.0,
            "cross_replace_words": {"confetti": 0.8},
        },
        "image_pair_similarity_filter": {"min_score": 0.9, "max_score": 0.99, "min_closed_interval": True},
        "img_diff_object_filter": {"hf_blip": BLIP_BASE, "min_score": 0.4, "score": "itm", "object_rule": "and"},
        "img_diff_crop_similarity_filter": {"min_score": 0, "max_score": 0.85, "max_closed_interval": True},
        "img_diff_box_selector": {"iou": 0.5, "box_order": "given", "max_boxes": None},
        # every box counts for the crops, and those of at most a tenth of the image for the captions
        "img_diff_box_area_filter": [{"min_area": 0, "max_area": 1.0}, {"min_area": 0, "max_area": 0.1}],
        "img_diff_region_caption_mapper": {"hf_model": "llava-hf/llava-v1.6-vicuna-7b-hf", "max_new_tokens": 1024},
        "img_diff_region_match_filter": {"hf_blip": BLIP_BASE, "min_score": 0.4, "score": "itm", "grow": 0},
        "text_pair_similarity_filter": {"min_score": 0, "max_score": 0.8, "max_closed_interval": True},
        "img_diff_difference_mapper": {"max_new_tokens": 1024, "grow": 5, "frame_width": 3, "bar": 20},
    },
    "paper": {
        "sentence_augmentation_mapper": {
            "hf_model": "lmsys/vicuna-13b-v1.5",
            "max_new_tokens": 128,
            "temperature": 0.8,
            "keep_after": "---",
        },
        "img_diff_caption_filter": {"rejected": ("replac", "modified", "become")},
        "sdxl_prompt2prompt_mapper": {
            "torch_dtype": "fp16",
            "num_inference_steps": 50,
            "guidance_scale": 5.0,
            "seed": 864,
            "self_replace_steps": 0.4,
            "cross_replace_steps": 1.0,
            "cross_replace_words": {"confetti": 0.8},
        },
        "img_diff_object_filter": {
            "hf_blip": BLIP_LARGE,
            "min_score": 0.35,
            "min_closed_interval": False,
            "score": "itc",
            "object_rule": "or",
        },
        "img_diff_crop_similarity_filter": {"min_score": -1, "max_score": 0.85, "max_closed_interval": False},
        "img_diff_box_selector": [
            {"iou": 0.5, "box_order": "cosine", "max_boxes": 10},
            {"iou": 0.5, "box_order": "cosine", "max_boxes": 5},
        ],
        "img_diff_box_area_filter": {"min_area": 1 / 400, "max_area": 1.0},
        "img_diff_region_caption_mapper": {"max_new_tokens": 64, "temperature": 0},
        "text_pair_similarity_filter": {"max_score": 0.85, "max_closed_interval": False},
        "img_diff_region_match_filter": {
            "hf_blip": BLIP_LARGE,
            "min_score": 0.35,
            "min_closed_interval": False,
            "score": "itc",
            "object_rule": "and",
            "grow": 5,
        },
        "img_diff_difference_mapper": {"max_new_tokens": 128, "temperature": 0, "grow": 5, "frame_width": 3, "bar": 20},
        "image_pair_natural_filter": {"hf_model": "OpenGVLab/InternVL2-8B", "max_new_tokens": 5, "temperature": 0},
    },
}


@pytest.fixture(scope="module")
def operators():
    recipes = find_gallery((ROOT / "recipes",)).recipes
    names = {"data_juicer": DATA_JUICER, "paper": ("img_diff_paper_boxes", "img_diff_paper")}
    return {preset: [step for name in listed for step in recipes[name].process] for preset, listed in names.items()}


@pytest.mark.parametrize("preset", VALUES)
def test_every_value_is_that_of_the_source(operators, preset):
    for name, expected in VALUES[preset].items():
        found = [operator for operator in operators[preset] if operator.name == name]
        wanted = expected if isinstance(expected, list) else [expected]
        values = [{key: getattr(operator, key) for key in given} for operator, given in zip(found, wanted, strict=True)]
        assert values == wanted, name


def test_the_paper_compares_captions_before_it_matches_them(operators):
    def order(preset: str) -> list[str]:
        wanted = {"text_pair_similarity_filter", "img_diff_region_match_filter"}
        return [operator.name for operator in operators[preset] if operator.name in wanted]

    assert (
        order("paper") == order("data_juicer")[::-1] == ["text_pair_similarity_filter", "img_diff_region_match_filter"]
    )


def test_the_bounds_of_the_pair_are_open_ones_after_rounding(operators):
    (bounds,) = (operator for operator in operators["paper"] if operator.name == "image_pair_similarity_filter")
    chance = random.Random(1)
    values = [0.89 + 0.1 * chance.random() for _ in range(20_000)] + [0.9, 0.9004, 0.9006, 0.9794, 0.9796, 0.98]
    assert [bounds.min_score <= value <= bounds.max_score for value in values] == [
        0.9 < round(value, 3) < 0.98 for value in values
    ]
