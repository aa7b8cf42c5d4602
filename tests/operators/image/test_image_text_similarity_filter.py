"""Similarity of images and text: chunks, reduction, flips, and what is shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.clip import ClipModel
from dj_assets.operators.image.image_pair_similarity_filter import ImagePairSimilarityFilter
from dj_assets.operators.image.image_text_similarity_filter import ImageTextSimilarityFilter
from tests.media import samples
from tests.models.vision.tiny import CLIP
from tests.operators.vision import CPU, EOC, IMAGE, measured, scored, write_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path)
    return tmp_path


def similarity(models: ModelStore, pictures: list[Image.Image], text: str) -> list[float]:
    path = models.find(CLIP).path
    clip = ClipModel(path, CPU)
    images = scored(ClipModel, "encode_images", path, pictures)
    return (images @ clip.encode_texts([text])[0] * clip.scale / 100).tolist()


def test_a_chunk_has_the_mean_of_its_images(folder: Path, models: ModelStore) -> None:
    a, b, c = (Image.open(folder / name) for name in ("a.png", "b.png", "c.png"))
    text = f"{IMAGE}{IMAGE} a cat {EOC} {IMAGE} the dog {EOC} no image here {EOC}"
    record = {"text": text, "images": ["a.png", "b.png", "c.png"]}
    (found,) = measured(ImageTextSimilarityFilter(), folder, models, record)
    wanted = [float(np.mean(similarity(models, [a, b], "a cat"))), *similarity(models, [c], "the dog")]
    assert found == pytest.approx(wanted, abs=1e-5)
    assert abs(wanted[0] - wanted[1]) > 1e-3


@pytest.mark.parametrize(("mode", "reduce"), [("max", max), ("min", min)])
def test_the_greatest_or_the_least(mode: str, reduce: Any, folder: Path, models: ModelStore) -> None:
    record = {"text": f"{IMAGE} {IMAGE} a cat", "images": ["a.png", "c.png"]}
    ((found,),) = measured(ImageTextSimilarityFilter(reduce_mode=mode), folder, models, record)
    pictures = [Image.open(folder / name) for name in ("a.png", "c.png")]
    assert found == pytest.approx(reduce(similarity(models, pictures, "a cat")), abs=1e-5)


@pytest.mark.parametrize(
    ("flips", "flip"),
    [({"horizontal_flip": True}, ImageOps.mirror), ({"vertical_flip": True}, ImageOps.flip)],
)
def test_flips_turn_the_image_first(flips: dict[str, bool], flip: Any, folder: Path, models: ModelStore) -> None:
    record = {"text": f"{IMAGE} a cat", "images": ["a.png"]}
    ((found,),) = measured(ImageTextSimilarityFilter(**flips), folder, models, record)
    picture = Image.open(folder / "a.png")
    assert found == pytest.approx(similarity(models, [flip(picture)], "a cat")[0], abs=1e-5)
    assert abs(found - similarity(models, [picture], "a cat")[0]) > 1e-4


def test_marks_without_an_image_and_images_without_a_mark(folder: Path, models: ModelStore) -> None:
    records = [
        {"text": f"{IMAGE} a cat {EOC} {IMAGE} more", "images": ["a.png"]},
        {"text": f"{IMAGE} a cat", "images": ["a.png", "b.png"]},
        {"text": "a cat", "images": ["a.png"]},
        {"text": f"{IMAGE} a cat", "images": []},
        {"text": f"{IMAGE} a cat"},
    ]
    found = measured(ImageTextSimilarityFilter(), folder, models, *records)
    assert [len(values) for values in found] == [1, 1, 0, 0, 0]
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_operators_with_one_model_encode_every_image_once(
    folder: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    clip = load.clip(models.find(CLIP).path)
    original = clip.encode_images
    monkeypatch.setattr(clip, "encode_images", lambda crops: encoded.append(len(crops)) or original(crops))
    records = [
        {"text": f"{IMAGE}{IMAGE} a cat", "images": ["a.png", "b.png"]},
        {"text": f"{IMAGE}{IMAGE} a dog", "images": ["c.png", "a.png"]},
    ]
    batch = samples(records, folder, models=models)
    ImageTextSimilarityFilter().measure(batch)
    ImageTextSimilarityFilter(reduce_mode="max").measure(batch)
    ImagePairSimilarityFilter().measure(batch)
    assert encoded == [3]
    ImageTextSimilarityFilter(horizontal_flip=True).measure(batch)
    assert encoded == [3, 3]
