"""Filter texts by the rules that FineWeb adds to those of Gopher and C4."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.prose_filter import ProseWordsFilter
from dj_assets.operators.kinds.ranges_filter import Bounds
from dj_assets.operators.kinds.substitution import compiled
from dj_assets.operators.registry import register
from dj_assets.operators.views.prose_units import repeated


@register("fineweb_quality_filter")
class FinewebQualityFilter(ProseWordsFilter):
    """Keep texts within the additional rules of the FineWeb corpus (Penedo et al. 2024, section 3.6).

    The share of lines that end with a mark of the end of a sentence, in any script; the share of lines of at most
    `short_line_length` characters; the share of characters in lines that occurred before; line feeds for each word.
    Blank lines do not count. A text without words has 0 in all of them.

    The rules and defaults are those of datatrove's filter; with `tokenization: spacy` words are the same, too.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("fineweb_ended_lines", pa.float64(), "share of lines"),
        Statistic("fineweb_short_lines", pa.float64(), "share of lines"),
        Statistic("fineweb_dup_characters", pa.float64(), "share of characters"),
        Statistic("fineweb_line_feeds", pa.float64(), "line feeds for each word"),
    )
    bounds: ClassVar[tuple[Bounds, ...]] = (
        Bounds("fineweb_ended_lines", low="min_ended_lines"),
        Bounds("fineweb_short_lines", high="max_short_lines"),
        Bounds("fineweb_dup_characters", high="max_dup_characters"),
        Bounds("fineweb_line_feeds", high="max_line_feeds"),
    )

    min_ended_lines: float = 0.12
    max_short_lines: float = 0.67
    max_dup_characters: float = 0.01
    max_line_feeds: float = 0.3
    short_line_length: int = 30

    def measured(self, text: str, words: Sequence[str]) -> tuple[float, ...]:
        """Return the four statistics of a text."""
        lines = [line for line in text.split("\n") if line.strip()]
        if not lines or not words:
            return (0.0, 0.0, 0.0, 0.0)
        feeds = text.count("\n")
        return (
            sum(line.endswith(_ends()) for line in lines) / len(lines),
            sum(len(line) <= self.short_line_length for line in lines) / len(lines),
            repeated(lines)[1] / (len(text) - feeds),
            feeds / len(words),
        )


@cache
def _ends() -> tuple[str, ...]:
    """Return the characters that end sentences, by Unicode."""
    pattern = compiled(r"\p{Sentence_Terminal}", 0)
    return tuple(filter(pattern.match, map(chr, (*range(0xD800), *range(0xE000, 0x20000)))))
