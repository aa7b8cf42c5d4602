"""The words of a text as each program splits it, and the Jaccard similarity of the shingles of five of them."""

from __future__ import annotations

import re
from collections.abc import Callable

WINDOW = 5
Words = Callable[[str], list[str]]


def between_spaces(text: str) -> list[str]:
    """Split at spaces alone, as Data-Juicer does: a line feed is a part of a word."""
    return [word for word in text.lower().split(" ") if word]


def between_white_space(text: str) -> list[str]:
    """Split at white space."""
    return text.lower().split()


def word_characters(text: str) -> list[str]:
    """Return the runs of letters, digits and underscores; punctuation is left out."""
    return re.findall(r"\w+", text.lower())


def with_empty_words(text: str) -> list[str]:
    """Split at each character that is no letter, digit or underscore; two of them have an empty word between them."""
    return re.split(r"\W", text.lower())


# simhash compares other shingles; datatrove takes marks out, then splits.
WORDS_OF: dict[str, Words] = {
    "dj_assets": between_spaces,
    "dj_assets, words": word_characters,
    "rensa": between_white_space,
    "datatrove": word_characters,
    "text-dedup": with_empty_words,
}


def jaccard(first: str, second: str, words: Words) -> float:
    """Return the Jaccard similarity of the shingles of two texts."""
    one, other = (_shingles(words(text)) for text in (first, second))
    return len(one & other) / len(one | other)


def _shingles(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + WINDOW]) for start in range(len(words) - WINDOW + 1)}
