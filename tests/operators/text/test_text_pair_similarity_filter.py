"""The two texts of a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.clip import ClipModel
from dj_assets.operators.text.text_pair_similarity_filter import TextPairSimilarityFilter
from tests.models.vision.tiny import CLIP
from tests.operators.vision import CPU, measured


def test_a_pair_has_a_cosine(tmp_path: Path, models: ModelStore) -> None:
    records = [
        {"text": "a cat", "other": "the dog"},
        {"text": "a cat", "other": "A  CAT"},
        {"text": "", "other": "x"},
        {"text": "x", "other": ""},
        {"text": "x"},
    ]
    found = measured(TextPairSimilarityFilter(text_key_second="other"), tmp_path, models, *records)
    one, other = ClipModel(models.find(CLIP).path, CPU).encode_texts(["a cat", "the dog"])
    assert found[0] == pytest.approx([float(one @ other)], abs=1e-5)
    assert found[1] == pytest.approx([1.0], abs=1e-5)
    assert found[2:] == [[], [], []]


def test_without_a_second_field_nothing_is_compared(tmp_path: Path, models: ModelStore) -> None:
    assert measured(TextPairSimilarityFilter(), tmp_path, models, {"text": "a cat", "other": "the dog"}) == [[]]
