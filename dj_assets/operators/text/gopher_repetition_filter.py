"""Filter texts by the repetition rules of Gopher."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.prose_filter import ProseWordsFilter
from dj_assets.operators.kinds.ranges_filter import Bounds
from dj_assets.operators.registry import register
from dj_assets.operators.views.prose_units import most_frequent_ngram, repeated, repeated_ngrams

_PARAGRAPHS, _LINES = re.compile(r"\n{2,}"), re.compile(r"\n+")
_TOP, _REPEATED = (2, 3, 4), (5, 6, 7, 8, 9, 10)
_SHARES = (
    "dup_paragraphs",
    "dup_paragraph_characters",
    "dup_lines",
    "dup_line_characters",
    *(f"top_{size}_gram" for size in _TOP),
    *(f"dup_{size}_grams" for size in _REPEATED),
)


@register("gopher_repetition_filter")
class GopherRepetitionFilter(ProseWordsFilter):
    """Keep texts within the repetition rules of the Gopher corpus (Rae et al. 2021, table A1).

    The shares of paragraphs and of lines that occurred before in the text, and of the characters in them; the shares of
    the characters in the most frequent 2-, 3- and 4-gram of words, and in 5- to 10-grams that occurred before. An empty
    text has 1.0 in all of them, so that it is dropped.

    The rules and defaults are those of datatrove's filter; with `tokenization: spacy` words are the same, too.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = tuple(
        Statistic(
            f"gopher_{name}", pa.float64(), "share of characters" if "gram" in name or "char" in name else "share"
        )
        for name in _SHARES
    )
    bounds: ClassVar[tuple[Bounds, ...]] = tuple(Bounds(f"gopher_{name}", high=f"max_{name}") for name in _SHARES)

    max_dup_paragraphs: float = 0.3
    max_dup_paragraph_characters: float = 0.2
    max_dup_lines: float = 0.3
    max_dup_line_characters: float = 0.2
    max_top_2_gram: float = 0.2
    max_top_3_gram: float = 0.18
    max_top_4_gram: float = 0.16
    max_dup_5_grams: float = 0.15
    max_dup_6_grams: float = 0.14
    max_dup_7_grams: float = 0.13
    max_dup_8_grams: float = 0.12
    max_dup_9_grams: float = 0.11
    max_dup_10_grams: float = 0.1

    def measured(self, text: str, words: Sequence[str]) -> list[float]:
        """Return the thirteen shares of a text."""
        if not text:
            return [1.0] * len(_SHARES)
        shares = []
        for units in (_PARAGRAPHS.split(text.strip()), _LINES.split(text)):
            count, characters = repeated(units)
            shares += [count / len(units), characters / len(text)]
        ngrams = (*(most_frequent_ngram(words, n) for n in _TOP), *(repeated_ngrams(words, n) for n in _REPEATED))
        return [*shares, *(characters / len(text) for characters in ngrams)]
