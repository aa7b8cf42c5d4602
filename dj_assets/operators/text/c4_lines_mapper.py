"""Remove lines by the rules of C4."""

from __future__ import annotations

import re

import pyarrow as pa

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register

CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
ENDS = (".", "?", "!", '"', "'")
ELLIPSIS = "..."
POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
LOREM_IPSUM, CURLY_BRACKET = "lorem ipsum", "{"


@register("c4_lines_mapper")
class C4LinesMapper(Mapper):
    """Remove lines by the rules of the C4 corpus (Raffel et al. 2020), and marks of citations.

    Removed are lines that do not end with `.`, `?`, `!` or a quote, or end with `...`; with fewer than `min_words`
    words, or a word of more than `max_word_length` characters; with "javascript"; with terms of use and notices about
    cookies. Lines with "lorem ipsum" or a curly bracket stay: `c4_quality_filter` drops their texts. White space at the
    ends of lines is removed.
    """

    remove_citations: bool = True
    remove_without_end: bool = True
    min_words: int = 3
    max_word_length: int = 1000
    remove_javascript: bool = True
    remove_policies: bool = True

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without such lines."""
        texts = [self._left(text) for text in batch.text.to_pylist()]
        return batch.with_text(pa.array(texts, pa.string()))

    def _left(self, text: str) -> str:
        lines = (self._line(line.strip()) for line in text.splitlines())
        return "\n".join(line for line in lines if line is not None).strip()

    def _line(self, line: str) -> str | None:
        """Return a line without citations, None if it is removed."""
        words = line.split()
        if max(map(len, words), default=0) > self.max_word_length:
            return None
        if self.remove_citations:
            line = CITATION.sub("", line)
        ended = line.endswith(ENDS) and not line.endswith(ELLIPSIS)
        if len(words) < self.min_words or (self.remove_without_end and not ended):
            return None
        # in the order of the rules: the first that applies decides about a line
        lower = line.lower()
        if LOREM_IPSUM in lower:
            return line
        if self.remove_javascript and "javascript" in lower:
            return None
        if CURLY_BRACKET in line:
            return line
        return None if self.remove_policies and any(policy in lower for policy in POLICIES) else line
