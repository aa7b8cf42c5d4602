"""Filter texts by their perplexity under a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import extras
from dj_assets.models.kenlm_file import UnreadableModelError, read_kenlm
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.sentence_pieces import sentence_pieces
from dj_assets.operators.views.sentence_scores import sentence_scores
from dj_assets.operators.views.text_views import sentencepiece_model


@register("perplexity_filter")
class PerplexityFilter(RangeFilter):
    """Keep texts whose perplexity is between two bounds.

    The model is a KenLM n-gram model over SentencePiece pieces (CCNet, Wenzek et al. 2020). The perplexity is per
    piece, with one end of sentence, rounded to one decimal. An empty text has 0.0; very short texts have arbitrary
    values.
    """

    bounds = ("min_ppl", "max_ppl")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("perplexity", pa.float64(), "perplexity per piece"),)

    lang: str = "en"
    min_ppl: float = 0
    max_ppl: float = 1500

    def models(self) -> tuple[str, ...]:
        """Return the SentencePiece model and the KenLM model of the language."""
        return (sentencepiece_model(self.lang), f"{self.lang}.arpa.bin")

    @property
    def costly(self) -> bool:
        """Return true: the filter uses a language model."""
        return True

    def problem_with_models(self, models: ModelStore) -> str:
        """Return which package is missing for a model file that only KenLM itself reads."""
        path = models.find(f"{self.lang}.arpa.bin").path
        if extras.installed("kenlm"):
            return ""
        try:
            read_kenlm(path)
        except UnreadableModelError:
            needed = "is no plain binary trie, so the library kenlm must read it: pip install 'dj_assets[kenlm]'"
            return f"the model {path} {needed}"
        return ""

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the perplexity of every text."""
        models = batch.models
        pieces = models.find(sentencepiece_model(self.lang)).path
        scores = sentence_scores(models.find(f"{self.lang}.arpa.bin").path, pieces, sentence_pieces(batch, pieces))
        return {"perplexity": pa.array([_perplexity(*score) for score in scores], pa.float64())}


def _perplexity(log10_probability: float, length: int) -> float:
    return round(10.0 ** (-log10_probability / length), 1) if length else 0.0
