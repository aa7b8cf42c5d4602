"""Share the choice of a tokenizer between the filter sets of web corpora."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Self

import pyarrow as pa
from pydantic import model_validator

from dj_assets.errors import UserError
from dj_assets.models import extras
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.ranges_filter import RangesFilter
from dj_assets.operators.views.prose_units import Tokenization, prose_words


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


class ProseWordsFilter(ProseFilter):
    """Filter by statistics that are computed from each text and its words."""

    @abstractmethod
    def measured(self, text: str, words: Sequence[str]) -> Sequence[float]:
        """Return the value of every statistic of a text, in the order of `statistics`."""

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the statistics of every text."""
        words = prose_words(batch, self.tokenization, self.lang)
        rows = [self.measured(text, own) for text, own in zip(batch.text.to_pylist(), words, strict=True)]
        return {s.key: pa.array([row[k] for row in rows], s.type) for k, s in enumerate(self.statistics)}
