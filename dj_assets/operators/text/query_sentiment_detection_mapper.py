"""Classify questions by their sentiment."""

from __future__ import annotations

from pydantic import Field

from dj_assets.operators.kinds.query_classifier import QueryClassifier
from dj_assets.operators.registry import register


@register("query_sentiment_detection_mapper")
class QuerySentimentDetectionMapper(QueryClassifier):
    """Write the sentiment of the field `query_key`, as a classifier names it, into fields of `__dj__meta__`.

    `label_key` is the class, `score_key` its probability. The question is first translated into English by
    `zh_to_en_hf_model`, unless that is null. A sample without a question has neither. `model_params` and
    `zh_to_en_model_params` have no effect.
    """

    hf_model: str = "mrm8488/distilroberta-finetuned-financial-news-sentiment-analysis"
    label_key: str = Field("query_sentiment_label", min_length=1)
    score_key: str = Field("query_sentiment_label_score", min_length=1)
