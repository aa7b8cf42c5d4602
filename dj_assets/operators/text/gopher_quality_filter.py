"""Filter texts by the quality rules of Gopher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.prose_filter import ProseWordsFilter
from dj_assets.operators.kinds.ranges_filter import Bounds
from dj_assets.operators.registry import register
from dj_assets.operators.views.prose_units import is_symbol

_ELLIPSES = ("...", "…")


@register("gopher_quality_filter")
class GopherQualityFilter(ProseWordsFilter):
    """Keep texts within the quality rules of the Gopher corpus (Rae et al. 2021, appendix A.1.1).

    The number of words, without those of signs alone, and their mean length; hash signs and ellipses for each word; the
    shares of lines that begin with a bullet and that end with an ellipsis; the share of words with a letter; the number
    of different words in `stop_words`. A text without words or lines has 0 in all of them.

    The rules and defaults are those of datatrove's filter; with `tokenization: spacy` words are the same, too.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("gopher_words", pa.int64(), "words"),
        Statistic("gopher_word_length", pa.float64(), "characters in a word"),
        Statistic("gopher_hashes", pa.float64(), "hash signs for each word"),
        Statistic("gopher_ellipses", pa.float64(), "ellipses for each word"),
        Statistic("gopher_bullet_lines", pa.float64(), "share of lines"),
        Statistic("gopher_ellipsis_lines", pa.float64(), "share of lines"),
        Statistic("gopher_alpha_words", pa.float64(), "share of words"),
        Statistic("gopher_stop_words", pa.int64(), "different stop words"),
    )
    bounds: ClassVar[tuple[Bounds, ...]] = (
        Bounds("gopher_words", "min_words", "max_words"),
        Bounds("gopher_word_length", "min_word_length", "max_word_length"),
        Bounds("gopher_hashes", high="max_hashes"),
        Bounds("gopher_ellipses", high="max_ellipses"),
        Bounds("gopher_bullet_lines", high="max_bullet_lines"),
        Bounds("gopher_ellipsis_lines", high="max_ellipsis_lines"),
        Bounds("gopher_alpha_words", low="min_alpha_words"),
        Bounds("gopher_stop_words", low="min_stop_words"),
    )

    min_words: int = 50
    max_words: int = 100_000
    min_word_length: float = 3.0
    max_word_length: float = 10.0
    max_hashes: float = 0.1
    max_ellipses: float = 0.1
    max_bullet_lines: float = 0.9
    max_ellipsis_lines: float = 0.3
    min_alpha_words: float = 0.8
    min_stop_words: int = 2
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    def measured(self, text: str, words: Sequence[str]) -> tuple[float, ...]:
        """Return the eight statistics of a text."""
        real = [len(word) for word in words if not is_symbol(word)]
        lines = text.splitlines()
        bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines)
        cut = sum(line.rstrip().endswith(_ELLIPSES) for line in lines)
        letters = sum(any(map(str.isalpha, word)) for word in words)
        return (
            len(real),
            _share(sum(real), len(real)),
            _share(text.count("#"), len(words)),
            _share(sum(map(text.count, _ELLIPSES)), len(words)),
            _share(bullets, len(lines)),
            _share(cut, len(lines)),
            _share(letters, len(words)),
            len(set(self.stop_words).intersection(words)),
        )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
