from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dj_assets.operators.text.remove_repeat_sentences_mapper import RemoveRepeatSentencesMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("One. Two. One. Three.", "One. Two. Three."),
        ("Same line\nSame line\nend", "Same line\n\nend"),
        ("A! A!", "A! A!"),
        ("你好。你好。", "你好。"),
        ("one.  One.", "one.  One."),
        ("Yes, it is.\nYes it is!\n", "Yes, it is.\n\n"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveRepeatSentencesMapper(), text) == [rewritten]


def test_case_and_special_characters(bench: Any) -> None:
    text = "One two. one two. one-two."
    assert bench.rewritten(RemoveRepeatSentencesMapper(lowercase=True), text) == ["One two. one-two."]
    exact = RemoveRepeatSentencesMapper(lowercase=True, ignore_special_character=False, min_repeat_sentence_length=9)
    assert bench.rewritten(exact, text) == [text]


def test_a_recipe_brings_no_code() -> None:
    with pytest.raises(ValidationError, match="cannot bring Python code"):
        RemoveRepeatSentencesMapper(tokenizer="lambda text: text.split()")
