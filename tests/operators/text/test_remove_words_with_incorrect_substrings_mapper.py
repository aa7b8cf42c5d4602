from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.remove_words_with_incorrect_substrings_mapper import (
    RemoveWordsWithIncorrectSubstringsMapper,
)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("go to http://x.y or www now", "go to or now"),
        ("a.com b //", "b //"),
        ("Http stays", "Http stays"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveWordsWithIncorrectSubstringsMapper(), text) == [rewritten]


def test_substrings_of_the_recipe(bench: Any) -> None:
    made = RemoveWordsWithIncorrectSubstringsMapper(substrings=["the", "."])
    assert bench.rewritten(made, "other (the) end. a.b c") == ["end. c"]
    assert bench.rewritten(RemoveWordsWithIncorrectSubstringsMapper(substrings=[]), "a  http") == ["a http"]


def test_pieces_are_joined_without_spaces_where_one_goes(bench: Any) -> None:
    made = RemoveWordsWithIncorrectSubstringsMapper(tokenization=True, substrings=["the"])
    kept, gone = bench.rewritten(made, "a  b", "a the b")
    assert kept == "a  b"
    assert gone == "ab"
