"""Filter samples by the CLIP similarity of their two texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import EachBoundedFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.operators.views.scores import LISTS, lists, text_vectors


@register("text_pair_similarity_filter")
class TextPairSimilarityFilter(EachBoundedFilter):
    """Keep samples whose CLIP similarity of the text and a second text is between two bounds.

    The second text is in the field `text_key_second`. The statistic is the cosine of the two vectors, a list of one
    number. The list is empty, and the sample is kept, if one of the texts is empty or missing, or no second field is
    named.
    """

    bounds = ("min_score", "max_score")
    packages: ClassVar[Mapping[str, str]] = {"safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("text_pair_similarity", LISTS, "cosine of the pair"),)

    hf_clip: str = "openai/clip-vit-base-patch32"
    min_score: float = 0.1
    max_score: float = 1.0
    text_key_second: str = ""

    def models(self) -> tuple[str, ...]:
        """Return the CLIP model."""
        return (self.hf_clip,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the similarity of every pair."""
        key = self.text_key_second
        seconds = field_values(batch, key) if key else [None] * len(batch)
        pairs = [
            (first, second) if first and isinstance(second, str) and second else None
            for first, second in zip(batch.text.to_pylist(), seconds, strict=True)
        ]
        texts = [text for pair in pairs if pair for text in pair]
        read = text_vectors(batch, batch.models.find(self.hf_clip).path, texts)
        similarities = [[float(read[pair[0]] @ read[pair[1]])] if pair else [] for pair in pairs]
        return {"text_pair_similarity": lists(similarities)}
