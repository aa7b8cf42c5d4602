"""Filter samples by the similarity of their text to example texts, as an embedding model measures it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.models.store import ModelStore
from dj_assets.models.text.ask import is_in_process
from dj_assets.models.text.embeddings import opened, problem_of_folder
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
    """Keep samples whose text is similar to the texts of `valid_dataset`, by an embedding model.

    The score is the mean cosine similarity to all of these texts. A call that failed has the score 0 and keeps its
    sample, unless `keep_failed` is off. Without `valid_dataset` nothing is asked, and every score is 0.
    `input_template` has `{text}`. With `is_hf_model`, or with `DJ_LLM=transformers`, the model is a folder of model2vec
    or of sentence-transformers among the models, else one of a server. `ebd_dim` is the length of vectors: a server is
    asked for it, and those of a folder are cut; by default that of the model. `pooling` has no effect.
    """

    bounds = ("min_score", "max_score")
    embeds: ClassVar[bool] = True
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("text_embd_similarity", pa.float64(), "cosine similarity, 0 for a failed call"),
    )

    api_or_hf_model: str | None = "text-embedding-v4"
    is_hf_model: bool = Field(default=False, exclude_if=lambda value: not value)
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
        if not self.valid_dataset:
            return _NO_EXAMPLES
        if not self._is_local:
            return super().problem()
        return None if self.model else "no model is named in this process; set api_or_hf_model to a folder of models"

    @property
    def prompts_a_sample(self) -> int:
        """Return 1, and 0 for a model in this process: that is not a call."""
        return 0 if self._is_local else 1

    def models(self) -> tuple[str, ...]:
        """Return the model if it is a folder."""
        return (self.model,) if self._is_local and self.model else ()

    def server_problem(self, seconds: float) -> str | None:
        """Return whether the server answers; a folder is not asked."""
        return None if self._is_local else super().server_problem(seconds)

    def problem_with_models(self, models: ModelStore) -> str:
        """Return which package the model needs that is not installed, or why its folder holds no model."""
        return "".join(problem_of_folder(models.find(name).path) for name in self.models())

    @property
    def _is_local(self) -> bool:
        return self.is_hf_model or is_in_process(self.model_params)

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
        if self._is_local:
            given = [filled(template, text=text) if text.strip() else "" for text in texts]
            vectors = opened(batch.models.find(*self.models()).path).embed(given)[:, : self.ebd_dim]
            return [_unit(vector.astype(np.float64)) for vector in vectors]
        return self.ask(batch, [filled(template, text=text) if text.strip() else None for text in texts], _direction)


def _direction(answer: str) -> np.ndarray:
    """Return the vector of an answer at length 1; raise `ValueError` if it is none."""
    vector = np.asarray(json.loads(answer), np.float64)
    unit = _unit(vector) if vector.ndim == 1 else None
    if unit is None:
        raise ValueError("is no vector")
    return unit


def _unit(vector: np.ndarray) -> np.ndarray | None:
    """Return a vector at length 1, None if it has no direction."""
    length = float(np.linalg.norm(vector))
    return vector / length if np.isfinite(length) and length else None
