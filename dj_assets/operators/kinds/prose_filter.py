"""Share the choice of a tokenizer between the filter sets of web corpora."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from dj_assets.errors import UserError
from dj_assets.models import extras
from dj_assets.operators.kinds.ranges_filter import RangesFilter
from dj_assets.operators.views.prose_units import Tokenization


class ProseFilter(RangesFilter):
    """Filter by statistics over words, which a pattern or the tokenizer of spaCy finds.

    `pattern` needs no package. `spacy` is what datatrove uses, about ten times slower; it needs the extra `spacy`.
    """

    tokenization: Tokenization = "pattern"
    lang: str = "en"

    @model_validator(mode="after")
    def _tokenizer_is_there(self) -> Self:
        if self.tokenization == "spacy":
            try:
                extras.require("spacy", "spacy")
            except UserError as error:
                raise ValueError(str(error)) from error
        return self
