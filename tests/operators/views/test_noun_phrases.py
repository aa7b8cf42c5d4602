"""Noun phrases, by a tagger trained on the spot."""

from __future__ import annotations

import pytest

from dj_assets.models.store import ModelStore
from dj_assets.operators.views.noun_phrases import SENTENCES, TAGGER, noun_phrases


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("The dog sees a big cat.", ["the dog", "a big cat"]),
        ("A cat sits on the table. A cat is blue.", ["a cat", "the table"]),
        ("It is blue.", []),
        ("", []),
        ("people walk along the old stone wall", ["people", "the old stone wall"]),
    ],
)
def test_a_determiner_adjectives_and_nouns(text: str, phrases: list[str], models: ModelStore) -> None:
    pytest.importorskip("nltk")
    assert noun_phrases(text, models.find(TAGGER).path, models.find(SENTENCES).path) == phrases
