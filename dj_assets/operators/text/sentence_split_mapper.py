"""Split texts into one sentence a line."""

from __future__ import annotations

from typing import Literal, Self

import pyarrow as pa
from pydantic import model_validator

from dj_assets.errors import UserError
from dj_assets.models import extras, load
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import rewrite
from dj_assets.operators.registry import register

LANGUAGES = {"en": "english", "fr": "french", "pt": "portuguese", "es": "spanish"}


@register("sentence_split_mapper")
class SentenceSplitMapper(Mapper):
    """Put every sentence on a separate line, split by Punkt (Kiss and Strunk 2006).

    The model is the folder of the language in NLTK's `punkt_tab`.
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
        return rewrite(batch, everything, lambda text: "\n".join(splitter.tokenize(text)))
