"""The small checkpoints that ship load like the real ones, and are marked as what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dj_assets.models
from dj_assets.models.store import RANDOM, ModelStore
from dj_assets.models.vision import demo_checkpoints as demo
from dj_assets.models.vision.aesthetics import AestheticsPredictor
from dj_assets.models.vision.classifier import ImageClassifier
from dj_assets.models.vision.clip import ClipModel
from dj_assets.models.vision.device import Device
from dj_assets.models.vision.matching import ImageTextMatcher
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.samples.scenes import Scene

SHIPPED = Path(dj_assets.models.__file__).parent / "demo"
NAMES = (demo.CLIP, demo.AESTHETICS, demo.NSFW, demo.WATERMARK, demo.MATCHING)
SCENES = [Scene.of(f"demo/{number}") for number in range(12)]
CPU = Device()


def crops(name):
    geometry = preprocessing(SHIPPED / name).geometry
    return [geometry.pixels(scene.picture(160, 120)) for scene in SCENES]


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_model_is_found_last_and_says_that_its_scores_mean_nothing(name, tmp_path):
    found = ModelStore(()).find(name)
    assert (found.path, found.note) == (SHIPPED / name, RANDOM)
    (tmp_path / name).mkdir(parents=True)
    assert ModelStore((tmp_path,)).find(name).note == ""


def test_they_are_small_enough_to_ship():
    assert sum(path.stat().st_size for name in NAMES for path in (SHIPPED / name).iterdir()) < 2_000_000


def test_scores_of_clip_lie_around_the_thresholds_of_the_gallery_and_differ():
    clip = ClipModel(SHIPPED / demo.CLIP, CPU)
    images, texts = clip.encode_images(crops(demo.CLIP)), clip.encode_texts([scene.caption for scene in SCENES])
    scores = (images * texts).sum(1)
    assert clip.scale == pytest.approx(100)
    assert 0.2 < np.median(scores) < 0.45
    assert scores.std() > 0.01


def test_the_other_models_give_different_scores_for_different_pictures():
    nsfw = ImageClassifier(SHIPPED / demo.NSFW, CPU).probabilities(crops(demo.NSFW))[:, 1]
    watermark = ImageClassifier(SHIPPED / demo.WATERMARK, CPU).probabilities(crops(demo.WATERMARK))[:, 1]
    rating = AestheticsPredictor(SHIPPED / demo.AESTHETICS, CPU).scores(crops(demo.AESTHETICS))
    pairs = [(number, number) for number in range(len(SCENES))]
    matching = ImageTextMatcher(SHIPPED / demo.MATCHING, CPU)
    match = matching.scores(crops(demo.MATCHING), [scene.caption for scene in SCENES], pairs)
    assert nsfw.max() < 0.01
    assert 3 < np.median(rating) < 5
    assert all(len(np.unique(scores.round(7))) > 6 for scores in (nsfw, watermark, rating, match))
