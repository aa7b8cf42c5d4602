"""Remove paragraphs that occur more than once in a corpus."""

from __future__ import annotations

import re
import unicodedata

from pydantic import Field

from dj_assets.operators.kinds.span_deduplicator import SpanDeduplicator
from dj_assets.operators.registry import register

_DIGITS = re.compile(r"\d")


@register("document_paragraph_deduplicator")
class DocumentParagraphDeduplicator(SpanDeduplicator):
    """Keep the first of equal paragraphs in the whole corpus; no document is dropped.

    A paragraph that occurs a second time, in another document or in the same, is removed there. The first place is that
    in the first document of those that the operators before this one keep. Without `keep_first`, paragraphs that more
    than `frequency_threshold` documents have are removed from all of them.

    Paragraphs are separated by `separator`: a line feed, as in CCNet (Wenzek et al. 2020), or two for paragraphs with
    blank lines between. By default they are compared as there: in lower case, without accents and punctuation, all
    digits equal. Without `normalize` they are compared with single spaces, and `lowercase` and
    `ignore_special_character` choose. Paragraphs with fewer characters than `min_length` stay.

    The documents are read twice. A paragraph is identified by the first 64 bits of its MD5.
    """

    separator: str = Field("\n", min_length=1)
    normalize: bool = True

    @property
    def span(self) -> int:
        """Return 1: paragraphs are compared one by one."""
        return 1

    def units(self, text: str) -> list[str]:
        """Return the paragraphs of a text, each with the separator behind it."""
        parts = text.split(self.separator)
        return [*(part + self.separator for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]

    def _normalized(self, unit: str) -> str:
        if not self.normalize:
            return super()._normalized(unit)
        unit = unit.lower() if unit.isascii() else _without_accents(unit.lower())
        unit = _DIGITS.sub("0", unit)
        return " ".join("".join(character for character in unit if not _is_punctuation(character)).split())


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def _is_punctuation(character: str) -> bool:
    return not character.isalnum() and unicodedata.category(character)[0] in "PS"
