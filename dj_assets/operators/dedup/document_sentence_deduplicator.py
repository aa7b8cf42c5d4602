"""Remove sentences that occur more than once in a corpus."""

from __future__ import annotations

import itertools
import re

from pydantic import PositiveInt

from dj_assets.operators.kinds.span_deduplicator import SpanDeduplicator
from dj_assets.operators.registry import register

# A sentence ends behind a mark with closing quotes and brackets before white space, behind a fullwidth mark, or at the
# end of a line.
_END = re.compile(r"[.!?…][\"'”’»)\]]{0,3}\s+|[。！？]+[”’」』）]{0,3}\s*|\n\s*")


@register("document_sentence_deduplicator")
class DocumentSentenceDeduplicator(SpanDeduplicator):
    """Keep the first of equal runs of `num_sentences` sentences in the whole corpus; no document is dropped.

    By default runs of three sentences, as in the C4 corpus (Raffel et al. 2020): a run that occurs a second time, in
    another document or in the same, loses its sentences there. The first place is that in the first document of those
    that the operators before this one keep. Without `keep_first`, runs that more than `frequency_threshold` documents
    have are removed from all of them.

    Sentences end behind `.`, `!`, `?`, `…` and closing quotes before white space, behind their fullwidth forms, and at
    line feeds. They are compared with single spaces; with `lowercase` in lower case; with `ignore_special_character`
    only by letters and digits. Runs with fewer characters than `min_length`, and documents with fewer than
    `num_sentences` sentences, stay.

    The documents are read twice. A run is identified by the first 64 bits of its MD5.
    """

    num_sentences: PositiveInt = 3

    @property
    def span(self) -> int:
        """Return the number of sentences in a run."""
        return self.num_sentences

    def units(self, text: str) -> list[str]:
        """Return the sentences of a text, each with the white space behind it."""
        ends = [0, *(end.end() for end in _END.finditer(text)), len(text)]
        return [text[start:end] for start, end in itertools.pairwise(ends) if start < end]
