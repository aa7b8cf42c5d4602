"""Split texts into words, for several filters."""

from __future__ import annotations

from dj_assets.operators.base import RangeFilter
from dj_assets.operators.batch import Batch
from dj_assets.operators.views.text_views import Words, refined_words, sentencepiece_model


class WordFilter(RangeFilter):
    """Filter by words: split at spaces, line feeds and tabs, or pieces of the language's SentencePiece model."""

    lang: str = "en"
    tokenization: bool = False

    def models(self) -> tuple[str, ...]:
        """Return the SentencePiece model if pieces are used."""
        return (sentencepiece_model(self.lang),) if self.tokenization else ()

    def words(self, batch: Batch, *, lowercase: bool) -> Words:
        """Return the words of every text without special characters at their ends; empty words are removed."""
        return refined_words(batch, self.lang, tokenization=self.tokenization, lowercase=lowercase)
