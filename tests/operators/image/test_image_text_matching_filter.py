"""Matching of images and text, pair by pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.matching import ImageTextMatcher
from dj_assets.operators.image.image_text_matching_filter import ImageTextMatchingFilter
from tests.models.vision.tiny import BLIP
from tests.operators.vision import EOC, IMAGE, measured, scored, write_images


def probability(models: ModelStore, folder: Path, name: str, text: str) -> float:
    picture = Image.open(folder / name)
    (found,) = scored(ImageTextMatcher, "scores", models.find(BLIP).path, [picture], [text], [(0, 0)])
    return float(found)


def test_every_chunk_with_its_images(tmp_path: Path, models: ModelStore) -> None:
    write_images(tmp_path)
    records = [
        {"text": f"{IMAGE}{IMAGE} a cat {EOC} {IMAGE} the dog {EOC}{IMAGE}", "images": ["a.png", "b.png", "c.png"]},
        {"text": "no image", "images": ["a.png"]},
        {"text": f"{IMAGE} {'long ' * 200}", "images": ["c.png"]},
    ]
    first, second, third = measured(ImageTextMatchingFilter(), tmp_path, models, *records)
    cat = [probability(models, tmp_path, name, "a cat") for name in ("a.png", "b.png")]
    dog = probability(models, tmp_path, "c.png", "the dog")
    assert first == pytest.approx([sum(cat) / 2, dog], abs=1e-5)
    assert second == []
    assert third == pytest.approx([probability(models, tmp_path, "c.png", ("long " * 200).strip())], abs=1e-5)
    greatest = measured(ImageTextMatchingFilter(reduce_mode="max"), tmp_path, models, records[0])[0]
    assert greatest == pytest.approx([max(cat), dog], abs=1e-5)


def test_a_flip_is_another_image(tmp_path: Path, models: ModelStore) -> None:
    write_images(tmp_path)
    record = {"text": f"{IMAGE} a cat", "images": ["a.png"]}
    ((plain,),) = measured(ImageTextMatchingFilter(), tmp_path, models, record)
    ((turned,),) = measured(ImageTextMatchingFilter(horizontal_flip=True), tmp_path, models, record)
    assert abs(plain - turned) > 1e-6
