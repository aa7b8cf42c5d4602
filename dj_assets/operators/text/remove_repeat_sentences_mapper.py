"""Remove repeated sentences of a text."""

from __future__ import annotations

import pyarrow as pa
from pydantic import field_validator

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

# Ends of sentences; the second group is the first character of the next sentence.
ENDS = (
    r"([.。!！?？])([^’”])",
    r"(\.{6})([^’”])",
    r"(…{2})([^’”])",
    # Data-Juicer meant six dots and two ellipses, but wrote a set, which contains the digits and braces as well
    r"([.。!！?？{62}…][’”])([^’”])",
)
SPECIAL = r"[^a-zA-Z0-9\u4e00-\u9fa5\n\t ]"


@register("remove_repeat_sentences_mapper")
class RemoveRepeatSentencesMapper(Mapper):
    """Remove sentences that occur earlier in the same text.

    Sentences end with `.`, `!`, `?`, their fullwidth forms, dots and ellipses, and at a line feed. Two sentences are
    compared without white space at their ends; with `lowercase` in lower case; with `ignore_special_character` only by
    letters a-z in both cases, digits and Chinese characters. Sentences with fewer such characters than
    `min_repeat_sentence_length` always stay. A line that loses all of its sentences stays as an empty line.
    """

    lowercase: bool = False
    ignore_special_character: bool = True
    min_repeat_sentence_length: int = 2
    tokenizer: str | None = None

    @field_validator("tokenizer")
    @classmethod
    def _no_code_in_recipes(cls, tokenizer: str | None) -> None:
        if tokenizer:
            raise ValueError("a recipe cannot bring Python code; leave the tokenizer out")

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without repeated sentences."""
        return rewrite(batch, pa.array([True] * len(batch), pa.bool_()), self._without_repeats)

    def _without_repeats(self, text: str) -> str:
        seen: set[str] = set()
        return "\n".join("".join(self._unseen(_sentences(line), seen)) for line in text.split("\n"))

    def _unseen(self, sentences: list[str], seen: set[str]) -> list[str]:
        kept = []
        for sentence in sentences:
            key = self._key(sentence)
            if len(key) < self.min_repeat_sentence_length:
                kept.append(sentence)
            elif key not in seen:
                kept.append(sentence)
                seen.add(key)
        return kept

    def _key(self, sentence: str) -> str:
        key = sentence.strip()
        if self.lowercase:
            key = key.lower()
        return str(compiled(SPECIAL, 0).sub("", key)) if self.ignore_special_character else key


def _sentences(line: str) -> list[str]:
    for end in ENDS:
        line = compiled(end, 0).sub(r"\1\n\2", line)
    return line.split("\n")
