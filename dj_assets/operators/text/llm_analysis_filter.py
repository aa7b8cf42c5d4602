"""Filter samples by the analysis of a language model in several dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.llm_score import LlmScoreFilter, score_statistics
from dj_assets.operators.registry import register


@register("llm_analysis_filter")
class LlmAnalysisFilter(LlmScoreFilter):
    """Keep samples whose analysis by a language model has a score between two bounds.

    The score is the mean of the dimensions, each from 1 to 5, divided by 5: clarity, relevance, usefulness and fluency,
    or those of `dim_required_keys`. A call that failed has the score 0 and keeps its sample, unless `keep_failed` is
    off.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        *score_statistics("llm_analysis"),
        Statistic("llm_analysis_tags", pa.string(), "tags or flags as JSON, empty without any"),
    )
    task: ClassVar[str] = "You analyse a sample of training data for language models."
    dimensions: ClassVar[Mapping[str, str]] = {
        "clarity": "the text says plainly what it means",
        "relevance": "the text keeps to its subject",
        "usefulness": "a reader or a model can learn from the text",
        "fluency": "the text reads naturally",
    }
