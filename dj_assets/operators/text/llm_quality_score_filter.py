"""Filter samples by the quality of their text, as a language model scores it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.llm_score import LlmScoreFilter, score_statistics
from dj_assets.operators.registry import register


@register("llm_quality_score_filter")
class LlmQualityScoreFilter(LlmScoreFilter):
    """Keep samples whose quality, as a language model scores it, is between two bounds.

    The score is the mean of accuracy, grammar, informativeness and coherence, each from 1 to 5, divided by 5. A call
    that failed has the score 0 and keeps its sample, unless `keep_failed` is off.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = score_statistics("llm_quality")
    task: ClassVar[str] = "You judge the quality of a sample of training data for language models."
    dimensions: ClassVar[Mapping[str, str]] = {
        "accuracy": "statements are correct, free of contradictions and of claims that cannot be checked",
        "grammar": "spelling, grammar and style are those of a careful writer",
        "informativeness": "the text teaches something, and does not repeat itself or advertise",
        "coherence": "the text is complete, and its parts follow from each other",
    }
