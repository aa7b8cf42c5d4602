"""Filter samples by the difficulty of their text, as a language model scores it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.llm_score import LlmScoreFilter, score_statistics
from dj_assets.operators.registry import register


@register("llm_difficulty_score_filter")
class LlmDifficultyScoreFilter(LlmScoreFilter):
    """Keep samples whose difficulty, as a language model scores it, is between two bounds.

    The score is the mean of linguistic complexity, conceptual depth, prior knowledge, step complexity and ambiguity,
    each from 1 to 5, divided by 5. A call that failed has the score 0 and keeps its sample, unless `keep_failed` is
    off.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = score_statistics("llm_difficulty")
    task: ClassVar[str] = "You judge how difficult a sample of training data is for language models."
    dimensions: ClassVar[Mapping[str, str]] = {
        "linguistic_complexity": "sentences and vocabulary are demanding",
        "conceptual_depth": "ideas are abstract and build on each other",
        "prior_knowledge": "knowledge of a subject is needed to understand the text",
        "step_complexity": "many steps of reasoning are needed",
        "ambiguity": "meaning must be found among several readings",
    }
