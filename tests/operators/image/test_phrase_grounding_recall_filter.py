"""Phrases found in images: which boxes are hits, and what a chunk gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.grounding import Boxes
from dj_assets.operators.image.phrase_grounding_recall_filter import PhraseGroundingRecallFilter, overlap
from tests.media import samples
from tests.operators.vision import EOC, IMAGE, measured, write_images


def boxes(*rows: tuple[tuple[float, float, float, float], int, float]) -> Boxes:
    corners, phrases, scores = zip(*rows, strict=True)
    return Boxes(np.array(corners, np.float32), np.array(phrases), np.array(scores, np.float32))


LEFT, RIGHT, ALL = (0.0, 0.0, 0.4, 0.5), (0.6, 0.5, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("parameters", "found", "phrases", "recall"),
    [
        ({}, boxes((LEFT, 0, 0.9), (RIGHT, 1, 0.8)), 2, 1.0),
        # the best two are one phrase's: the other is not looked at any more
        ({}, boxes((LEFT, 0, 0.9), (RIGHT, 0, 0.8), (RIGHT, 1, 0.7)), 2, 0.5),
        ({}, boxes((LEFT, 0, 0.9), (LEFT, 1, 0.8)), 2, 0.5),
        ({"iou_thr": 1.0}, boxes((LEFT, 0, 0.9), (LEFT, 1, 0.8)), 2, 1.0),
        ({}, boxes((ALL, 0, 0.9), (RIGHT, 1, 0.8)), 2, 0.5),
        ({"large_area_ratio_thr": 1.0}, boxes((ALL, 0, 0.9), (RIGHT, 1, 0.8)), 2, 1.0),
        ({"conf_thr": 0.85}, boxes((LEFT, 0, 0.9), (RIGHT, 1, 0.8)), 2, 0.5),
        ({"conf_thr": 0.95}, boxes((LEFT, 0, 0.9)), 3, 0.0),
    ],
)
def test_which_boxes_are_hits(parameters: dict[str, Any], found: Boxes, phrases: int, recall: float) -> None:
    assert PhraseGroundingRecallFilter(**parameters).recall(found, phrases) == recall


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ((0, 0, 10, 10), (5, 5, 15, 15), 25 / 175),
        ((0, 0, 1, 1), (2, 2, 3, 3), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((0, 0, 4, 4), (1, 1, 2, 2), 1 / 16),
    ],
)
def test_the_overlap_of_boxes(one: tuple[int, ...], other: tuple[int, ...], share: float) -> None:
    assert overlap(np.array(one, float), np.array(other, float)) == pytest.approx(share)


def test_every_chunk_is_looked_for_in_its_own_images(tmp_path: Path, models: ModelStore) -> None:
    write_images(tmp_path)
    operator = PhraseGroundingRecallFilter()
    text = f"{IMAGE} nothing {EOC} {IMAGE}{IMAGE} a cat and the big dog {EOC}"
    batch = samples([{"text": text, "images": ["a.png", "b.png", "c.png"]}], tmp_path, models=models)
    (both,) = operator.recalls(batch, [[[], ["a cat", "the big dog"]]])
    alone = samples([{"text": f"{IMAGE} x", "images": [name]} for name in ("b.png", "c.png")], tmp_path, models=models)
    apart = operator.recalls(alone, [[["a cat", "the big dog"]]] * 2)
    # a chunk without phrases has all of them, and takes its image along
    assert both == [1.0, pytest.approx((apart[0][0] + apart[1][0]) / 2)]


def test_phrases_come_from_the_text(tmp_path: Path, models: ModelStore) -> None:
    write_images(tmp_path)
    records = [{"text": f"{IMAGE} A big cat sits.", "images": ["a.png"]}, {"text": "A cat.", "images": ["a.png"]}]
    found = measured(PhraseGroundingRecallFilter(), tmp_path, models, *records)
    batch = samples(records[:1], tmp_path, models=models)
    assert found == [*PhraseGroundingRecallFilter().recalls(batch, [[["a big cat"]]]), []]
