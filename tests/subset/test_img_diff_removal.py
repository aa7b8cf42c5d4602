"""Object removal, the second product of Img-Diff, with plain pictures and answers of a table."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dj_assets.home.layout import Layout
from dj_assets.models.regions.run_lengths import decoded_mask, encoded_mask
from dj_assets.publish.export.export import Export
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import run_recipe
from tests.img_diff import ASK, write_captions
from tests.paths import ROOT

STEPS = {
    "sentence_augmentation_mapper": ASK,
    "sdxl_prompt2prompt_mapper": {},
    "image_resize_mapper": {"width": 96, "height": 80},
    "img_diff_box_mapper": {"finder": "grid", "cells": 2, "masks": True},
    "general_field_filter": {"filter_condition": "objects1 != [] or objects2 != []"},
    "img_diff_crop_similarity_filter": {"min_score": -1, "max_score": 1.01},
    "img_diff_box_selector": {"box_order": "cosine", "max_boxes": 3, "each_side": True},
    "img_diff_removal_mapper": {},
    "img_diff_removal_caption_mapper": {},
    "img_diff_removal_filter": {"hf_blip": "Salesforce/blip-itm-base-coco", "min_before": -1, "max_after": 1},
    "img_diff_removal_question_mapper": {},
}


def run(source: Path, **changed: dict[str, object]):
    process = [{name: {**values, **changed.get(name, {})}} for name, values in STEPS.items()]
    return run_recipe(
        {"text_keys": "caption1", "process": process}, [source], source.parent / "out", workers=1, overwrite=True
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        source = write_captions(tmp_path_factory.mktemp("removal"), patch)
        yield source, run(source)


@pytest.fixture
def records(done) -> list[dict]:
    parts = sorted((done[0].parent / "out/refined").iterdir())
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), int)


def test_at_most_three_boxes_of_each_image_are_left_and_both_sides_occur(done, records):
    funnel = {step.operator: step for step in done[1].manifest.funnel}
    # four cells and one changed area a pair; of the second pair, the objects differ as well
    assert funnel["img_diff_box_mapper"].created == funnel["general_field_filter"].samples_out == 10
    assert funnel["img_diff_box_selector"].samples_out == len(records) == 8
    assert {record["box_side"] for record in records} == {1, 2}
    assert {record["conversations"][1]["value"] for record in records} == {"A", "B"}


def test_only_the_region_is_painted_over_in_the_image_that_has_it(done, records):
    out = done[0].parent / "out"
    for record in records:
        before, after = (pixels(out / name) for name in record["removal_images"])
        assert record["removal_images"][0] == record["images"][record["box_side"] - 1]
        assert before.shape == after.shape == (80, 96, 3)
        across, down, width, height = record["box"]
        inside = np.zeros((80, 96), bool)
        inside[int(down - height / 2) : int(down + height / 2), int(across - width / 2) : int(across + width / 2)] = (
            True
        )
        covered = inside if record["mask"] is None else decoded_mask(record["mask"])
        assert (record["mask"] is None) == (record["box_side"] == 1) and covered.any() and not (covered & ~inside).any()
        assert (before[~covered] == after[~covered]).all()
        # the canned painter takes the mean colour of the rest
        assert (after[covered] == before[~covered].mean(0).round()).all()


def test_the_letter_names_the_picture_with_the_object(done, records):
    out = done[0].parent / "out"
    for record in records:
        before, after = (pixels(out / name) for name in record["removal_images"])
        marked = [pixels(out / name) for name in record["marked_images"]]
        left, top, right, bottom = record["bbox"]
        inner = np.s_[top + 5 : bottom - 5, left + 5 : right - 5]
        apart = [np.abs(picture[inner] - before[inner]).mean() for picture in marked]
        assert record["conversations"][1]["value"] == "AB"[int(np.argmin(apart))]
        assert np.abs(marked[int(np.argmax(apart))][inner] - after[inner]).mean() < 4
        assert "a thing" in record["conversations"][0]["value"]


def test_bounds_of_the_cosines_are_judged_again_without_a_model(done, monkeypatch):
    source, _ = done
    kept = sorted((source.parent / "out/generations").rglob("*.json"))
    monkeypatch.setenv("DJ_LLM", "http://127.0.0.1:9/v1")
    with duckdb.connect(str(source.parent / "out/stats.duckdb"), read_only=True) as connection:
        columns = "SELECT removal_itc_before, removal_itc_after FROM stats WHERE removal_itc_before IS NOT NULL"
        values = connection.execute(columns).fetchall()
    least = sorted(before for before, _ in values)[4]
    tighter = run(source, img_diff_removal_filter={"min_before": least})
    assert 0 < tighter.samples_out <= sum(before >= least for before, _ in values) < 8
    assert sorted((source.parent / "out/generations").rglob("*.json")) == kept
    assert run(source).samples_out == 8


def test_it_is_exported_in_the_published_form(done, records, tmp_path):
    Export(Layout.output(done[0].parent / "out"), tmp_path / "e", "img_diff").run()
    exported = json.loads((tmp_path / "e/part-00000.json").read_bytes())
    assert [list(record) for record in exported] == [["conversations", "bbox", "path"]] * 8
    for record, row in zip(exported, records, strict=True):
        across, down, width, height = row["box"]
        assert record["bbox"] == [across - width / 2, down - height / 2, across + width / 2, down + height / 2]
        for side in (0, 1):
            content = (tmp_path / "e" / f"{record['path']}_{side}.jpg").read_bytes()
            assert Image.open(io.BytesIO(content)).size == (96, 80)


def test_the_recipe_of_the_gallery_has_the_published_values():
    recipes = find_gallery((ROOT / "recipes",)).recipes
    listed = (recipes[name] for name in ("img_diff_removal_boxes", "img_diff_removal"))
    steps = {operator.name: operator for recipe in listed for operator in recipe.process}
    resize, crops, boxes = (
        steps[name]
        for name in list(steps)
        if name in {"image_resize_mapper", "img_diff_crop_similarity_filter", "img_diff_box_selector"}
    )
    assert (resize.width, resize.height) == (512, 512)
    assert (crops.max_score, crops.max_closed_interval) == (0.9, False)
    assert (boxes.box_order, boxes.iou, boxes.max_boxes, boxes.each_side) == ("cosine", 0.5, 3, True)
    paint, match = steps["img_diff_removal_mapper"], steps["img_diff_removal_filter"]
    assert (paint.strength, paint.guidance_scale, paint.num_inference_steps) == (0.85, 0, 4)
    assert (match.min_before, match.max_after) == (0.35, 0.2) and "large" in match.hf_blip
    caption, question = steps["img_diff_removal_caption_mapper"], steps["img_diff_removal_question_mapper"]
    assert (caption.max_new_tokens, caption.temperature) == (64, 0)
    assert (question.grow, question.frame_width) == (15, 3)


def test_masks_are_kept_exactly_as_run_lengths():
    chance = np.random.default_rng(3)
    for shape in ((1, 1), (3, 5), (40, 17)):
        for share in (0.0, 0.3, 1.0):
            mask = chance.random(shape) < share
            text = encoded_mask(mask)
            assert (decoded_mask(text) == mask).all()
            # column by column, beginning with false
            runs, value, flat = [0], False, mask.flatten("F").tolist()
            for pixel in flat:
                if pixel != value:
                    runs.append(0)
                    value = pixel
                runs[-1] += 1
            assert json.loads(text) == {"size": list(shape), "counts": runs}
    for broken in ("[]", '{"size": [2, 2], "counts": [3]}', '{"size": [2, 2], "counts": [-1, 5]}', "no"):
        with pytest.raises(ValueError):
            decoded_mask(broken)
