"""Img-Diff in one recipe with answers of a table in place of models, for tests of its steps and of its pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dj_assets.subset import run_recipe
from dj_assets.subset.results import RunResult

CAPTIONS = {"A brown dog sleeps on a sofa.": "A brown cat sleeps on a sofa.", "A boat lies at the shore.": "A boat."}
ASK = {"task_sentence": "Replace one thing.", "text_key_second": "caption2"}


def pipeline(**changed: dict[str, object]) -> dict[str, object]:
    """The whole of Img-Diff in one recipe, with thresholds under which boxes are left; operators may be changed."""
    steps: dict[str, dict[str, object]] = {
        "sentence_augmentation_mapper": ASK,
        "img_diff_caption_filter": {},
        "sdxl_prompt2prompt_mapper": {},
        "image_pair_similarity_filter": {"min_score": -1, "max_score": 1.01},
        "image_pair_natural_filter": {},
        "img_diff_box_mapper": {"finder": "grid", "cells": 4},
        "img_diff_box_area_filter": {"max_area": 0.1},
        "img_diff_object_filter": {"min_score": 0.0},
        "img_diff_crop_similarity_filter": {"min_score": -1, "max_score": 1.01},
        "img_diff_box_selector": {},
        "img_diff_region_caption_mapper": {},
        "img_diff_region_match_filter": {"min_score": 0.0},
        "img_diff_difference_mapper": {},
    }
    process = [{name: {**values, **changed.get(name, {})}} for name, values in steps.items()]
    return {"text_keys": "caption1", "process": process}


def write_captions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write captions, and let a table answer in place of models; return the source file."""
    answers = {
        f'Here is a sentence: "{first}". {ASK["task_sentence"]}': f' "{second}"' for first, second in CAPTIONS.items()
    }
    (folder / "answers.json").write_text(json.dumps({**answers, "*": "a thing"}))
    monkeypatch.setenv("DJ_LLM", f"canned:{folder / 'answers.json'}")
    monkeypatch.setenv("DJ_PAINTER", "canned")
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps({"id": str(n), "caption1": text}) + "\n" for n, text in enumerate(CAPTIONS)))
    return source


def run(source: Path, **changed: dict[str, object]) -> RunResult:
    """Run the recipe over the captions, into the folder `out` beside them."""
    return run_recipe(pipeline(**changed), [source], source.parent / "out", workers=1, overwrite=True)
