"""Filter pairs of captions by the words in which they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.models import load
from dj_assets.models.text.object_words import changed_words
from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import All, Condition, OneOf, Range
from dj_assets.operators.kinds.image_pairs import texts_of
from dj_assets.operators.registry import register


@register("img_diff_caption_filter")
class ImgDiffCaptionFilter(Filter):
    """Keep samples whose second caption, in `text_key_second`, is a usable variation of the text.

    The number of changed words, the larger of both sides, is between `min_words` and `max_words`: 0 means equal
    captions. The longer caption has at most `max_tokens` tokens of CLIP. The second caption holds none of the
    `rejected` parts of words, in any case: replies that talk about the change are no captions. A sample without a
    second caption is dropped.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"min_words", "max_words", "max_tokens"}
    packages: ClassVar[Mapping[str, str]] = {"safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("caption_changed_words", pa.int64(), "words"),
        Statistic("caption_tokens", pa.int64(), "tokens"),
        Statistic("caption_rejected", pa.string(), "part of a word, empty if there is none"),
    )

    text_key_second: str = Field("caption2", min_length=1)
    hf_clip: str = "openai/clip-vit-base-patch32"
    min_words: int = 1
    max_words: int | None = 6
    max_tokens: int | None = 77
    rejected: tuple[str, ...] = ("replac", "modified", "become", "---")

    def models(self) -> tuple[str, ...]:
        """Return the name of the CLIP model, whose tokenizer is used."""
        return (self.hf_clip,)

    @property
    def condition(self) -> Condition:
        """Return the condition: the changed words, the tokens, the rejected parts."""
        words = Range("caption_changed_words", self.min_words, self.max_words, "min_words", "max_words")
        tokens = Range("caption_tokens", None, self.max_tokens, high_name="max_tokens")
        return All((words, tokens, OneOf("caption_rejected", ("",))))

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return all statistics; none for a sample without a second caption."""
        pairs = list(zip(batch.text.to_pylist(), texts_of(batch, self.text_key_second), strict=True))
        tokens = self._tokens(batch, pairs)
        values = [
            (max(map(len, changed_words(first, second))), tokens[index], self._rejected(second))
            if second
            else (None,) * 3
            for index, (first, second) in enumerate(pairs)
        ]
        columns = zip(*values, strict=True) if values else ((), (), ())
        return {
            statistic.key: pa.array(column, statistic.type)
            for statistic, column in zip(self.statistics, columns, strict=True)
        }

    def _tokens(self, batch: Batch, pairs: list[tuple[str, str]]) -> list[int]:
        if not pairs:
            return []
        tokenizer = load.clip_tokens(batch.models.find(self.hf_clip).path)
        return [max(map(tokenizer.length, pair)) for pair in pairs]

    def _rejected(self, caption: str) -> str:
        return next((part for part in self.rejected if part.lower() in caption.lower()), "")
