"""Split texts into one sentence a line."""

from __future__ import annotations

from typing import Literal, Self

import pyarrow as pa
from pydantic import model_validator

from dj_assets.errors import SampleError, UserError
from dj_assets.models import extras, load
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

LANGUAGES = {"en": "english", "fr": "french", "pt": "portuguese", "es": "spanish"}

# The signs at which Punkt examines whether a sentence ends. Each takes it the time of a hundred other characters.
ENDS = r"""[.?!](?=[\s)";}\]*:@'({\[!?])"""
# A text with more ends than this, at shorter distances than this on average, is no prose.
MOST_ENDS = 20_000
SHORTEST_SENTENCE = 40


@register("sentence_split_mapper")
class SentenceSplitMapper(Mapper):
    """Put every sentence on a separate line, split by Punkt (Kiss and Strunk 2006).

    The model is the folder of the language in NLTK's `punkt_tab`. A text with more than 20,000 ends of sentences, more
    than one in 40 characters, is quarantined: it would take seconds.
    """

    lang: Literal["en", "fr", "pt", "es"] = "en"

    @model_validator(mode="after")
    def _nltk_is_installed(self) -> Self:
        try:
            extras.require("nltk", "nltk")
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    def models(self) -> tuple[str, ...]:
        """Return the Punkt model of the language."""
        return (f"punkt_tab/{LANGUAGES[self.lang]}",)

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with one sentence a line."""
        splitter = load.punkt(batch.models.find(*self.models()).path)
        everything = pa.array([True] * len(batch), pa.bool_())
        return rewrite(batch, everything, lambda text: "\n".join(splitter.tokenize(_checked(text))))


def _checked(text: str) -> str:
    """Return a text that is split in time.

    Raises
    ------
    SampleError
        If nearly all of the text is ends of sentences.
    """
    if len(text) > MOST_ENDS:
        ends = sum(1 for _ in compiled(ENDS, 0).finditer(text))
        if ends > MOST_ENDS and ends * SHORTEST_SENTENCE > len(text):
            raise SampleError(f"{ends} ends of sentences in {len(text)} characters, too many to be split in time")
    return text
