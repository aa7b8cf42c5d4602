"""Classify questions by their intent."""

from __future__ import annotations

from pydantic import Field

from dj_assets.operators.kinds.query_classifier import QueryClassifier
from dj_assets.operators.registry import register


@register("query_intent_detection_mapper")
class QueryIntentDetectionMapper(QueryClassifier):
    """Write the intent of the field `query_key`, as a classifier names it, into fields of `__dj__meta__`.

    `label_key` is the class, `score_key` its probability. The question is first translated into English by
    `zh_to_en_hf_model`, unless that is null. A sample without a question has neither. `model_params` and
    `zh_to_en_model_params` have no effect.
    """

    hf_model: str = "bespin-global/klue-roberta-small-3i4k-intent-classification"
    label_key: str = Field("query_intent_label", min_length=1)
    score_key: str = Field("query_intent_label_score", min_length=1)
