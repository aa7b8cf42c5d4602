"""Define the base class of mappers that classify questions by a model of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa

from dj_assets.models import load
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.views.sample_fields import field_values


class QueryClassifier(FieldMapper):
    """Write the class of the field `query_key` and its probability into `label_key` and `score_key` of `__dj__meta__`.

    The question is first translated into English by `zh_to_en_hf_model`, unless that is null. A sample without a
    question has neither. `model_params` and `zh_to_en_model_params` have no effect.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.label_key}": pa.string(), f"{META}.{operator.score_key}": pa.float64()}
    )
    packages: ClassVar[Mapping[str, str]] = {"torch": "vision", "transformers": "vision"}

    hf_model: str
    zh_to_en_hf_model: str | None = "Helsinki-NLP/opus-mt-zh-en"
    model_params: dict[str, Any] | None = None
    zh_to_en_model_params: dict[str, Any] | None = None
    label_key: str
    score_key: str
    query_key: str = "query"

    def models(self) -> tuple[str, ...]:
        """Return the names of classifier and translator."""
        return (self.hf_model, *((self.zh_to_en_hf_model,) if self.zh_to_en_hf_model else ()))

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return class and probability of every question."""
        values = batch.text.to_pylist() if self.query_key == self.text_name else field_values(batch, self.query_key)
        questions = [value if isinstance(value, str) and value else None for value in values]
        distinct = dict.fromkeys(question for question in questions if question is not None)
        found = {question: self._classified(batch, question) for question in distinct}
        pairs = [(None, None) if question is None else found[question] for question in questions]
        return {
            name: pa.array([pair[index] for pair in pairs], kind)
            for index, (name, kind) in enumerate(self.fields.items())
        }

    def _classified(self, batch: Batch, question: str) -> tuple[str, float]:
        if self.zh_to_en_hf_model:
            translator = load.translator(batch.models.find(self.zh_to_en_hf_model).path)
            question = translator.translate(question)
        return load.sequence_classifier(batch.models.find(self.hf_model).path).classify(question)
