"""How surprising a text is to a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.models import load
from dj_assets.operators.base import RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.text.views import Words, pieces, sentencepiece_model


@register("perplexity_filter")
class PerplexityFilter(RangeFilter):
    """Keep texts whose perplexity lies between two bounds.

    The model is a KenLM n-gram model over SentencePiece pieces (CCNet, Wenzek et al. 2020); perplexity is per piece,
    with one end of sentence, rounded to one decimal. An empty text has 0.0; very short ones have arbitrary values.
    """

    bounds = ("min_ppl", "max_ppl")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("perplexity", pa.float64(), "perplexity per piece"),)

    lang: str = "en"
    min_ppl: float = 0
    max_ppl: float = 1500

    def models(self) -> tuple[str, ...]:
        """Return the SentencePiece model and the KenLM model of the language."""
        return (sentencepiece_model(self.lang), f"{self.lang}.arpa.bin")

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the perplexity of every text."""
        model = load.kenlm(batch.models.find(f"{self.lang}.arpa.bin").path)
        texts = _spaced(pieces(batch, self.lang))
        return {"perplexity": pa.array([_perplexity(model, text) for text in texts.to_pylist()], pa.float64())}


def _spaced(words: Words) -> pa.StringArray:
    """Return the pieces of every text with one space between them."""
    flat = words.vocabulary.take(pa.array(words.codes))
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(words.offsets, pa.int32()), flat), " ")


def _perplexity(model: Any, text: str) -> float:  # noqa: ANN401 - KenLM has no types
    log10_probability, length = 0.0, 0
    for line in text.splitlines():
        log10_probability += model.score(line)
        length += len(line.split()) + 1
    return round(10.0 ** (-log10_probability / length), 1) if length else 0.0
