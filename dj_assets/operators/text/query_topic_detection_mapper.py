"""Classify questions by their topic."""

from __future__ import annotations

from pydantic import Field

from dj_assets.operators.kinds.query_classifier import QueryClassifier
from dj_assets.operators.registry import register


@register("query_topic_detection_mapper")
class QueryTopicDetectionMapper(QueryClassifier):
    """Write the topic of the field `query_key`, as a classifier names it, into fields of `__dj__meta__`.

    `label_key` is the class, `score_key` its probability. The question is first translated into English by
    `zh_to_en_hf_model`, unless that is null. A sample without a question has neither. `model_params` and
    `zh_to_en_model_params` have no effect.
    """

    hf_model: str = "dstefa/roberta-base_topic_classification_nyt_news"
    label_key: str = Field("query_topic_label", min_length=1)
    score_key: str = Field("query_topic_label_score", min_length=1)
