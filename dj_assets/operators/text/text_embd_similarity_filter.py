"""Filter samples by the similarity of their text to example texts, as an embedding model measures it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Condition
from dj_assets.operators.kinds.call_score import CallScoreFilter
from dj_assets.operators.kinds.language_model import filled
from dj_assets.operators.kinds.llm_score import InRangeOrFailed
from dj_assets.operators.registry import register

_NO_EXAMPLES = "valid_dataset is not given; list examples of texts, such as [{text: …}]"


@register("text_embd_similarity_filter")
class TextEmbdSimilarityFilter(CallScoreFilter):
    """Keep samples whose text is similar to the texts of `valid_dataset`, by an embedding model of a server.

    The score is the mean cosine similarity to all of these texts. A call that failed has the score 0 and keeps its
    sample, unless `keep_failed` is off. Without `valid_dataset` nothing is asked, and every score is 0.
    `input_template` has `{text}`. `ebd_dim` is the length of vectors that the server is asked for, by default that of
    the model. `pooling` has no effect.
    """

    bounds = ("min_score", "max_score")
    embeds: ClassVar[bool] = True
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("text_embd_similarity", pa.float64(), "cosine similarity, 0 for a failed call"),
    )

    api_or_hf_model: str | None = "text-embedding-v4"
    api_endpoint: str | None = "embeddings"
    response_path: str | None = "data.0.embedding"
    min_score: float = 0.1
    max_score: float = 1.0
    keep_failed: bool = True
    valid_dataset: tuple[dict[str, Any], ...] | None = None
    ebd_dim: PositiveInt | None = None
    pooling: str | None = None
    input_template: str | None = None

    @property
    def condition(self) -> Condition:
        """Return the range of the score, with 0 for failed calls."""
        return InRangeOrFailed(self.range) if self.keep_failed else self.range

    def problem(self) -> str | None:
        """Return why nothing can be asked: there are no examples, or no model is configured."""
        return super().problem() if self.valid_dataset else _NO_EXAMPLES

    def sampling(self) -> Mapping[str, object]:
        """Return the length of the vectors, where it is given."""
        return {**super().sampling(), **({"dimensions": self.ebd_dim} if self.ebd_dim else {})}

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the mean similarity of every text, 0 for a call that failed."""
        scores = [0.0] * len(batch)
        examples = [str(example.get(self.text_name) or "") for example in self.valid_dataset or ()]
        wanted = self._directions(batch, [text for text in examples if text]) if len(batch) else []
        vectors = [vector for vector in wanted if vector is not None]
        if vectors and len(vectors) == len(wanted) and len({vector.shape for vector in vectors}) == 1:
            against = np.mean(np.stack(vectors), axis=0)
            found = self._directions(batch, batch.text.to_pylist())
            scores = [
                0.0 if vector is None or vector.shape != against.shape else float(vector @ against) for vector in found
            ]
        return {self.statistics[0].key: pa.array(scores, pa.float64())}

    def _directions(self, batch: Batch, texts: list[str]) -> list[np.ndarray | None]:
        """Return the vector of every text at length 1, None for an empty text and for a call that failed."""
        template = self.input_template or "{text}"
        return self.ask(batch, [filled(template, text=text) if text.strip() else None for text in texts], _direction)


def _direction(answer: str) -> np.ndarray:
    """Return the vector of an answer at length 1; raise `ValueError` if it is none."""
    vector = np.asarray(json.loads(answer), np.float64)
    length = float(np.linalg.norm(vector))
    if vector.ndim != 1 or not np.isfinite(length) or not length:
        raise ValueError("is no vector")
    return vector / length
