"""Filter samples by their relevance for a task, as a language model scores it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import filled
from dj_assets.operators.kinds.llm_score import FIELD_TEMPLATE, LlmScoreFilter
from dj_assets.operators.registry import register

_NO_TASK = "neither task_desc nor valid_dataset is given; say what the samples are for"


@register("llm_task_relevance_filter")
class LlmTaskRelevanceFilter(LlmScoreFilter):
    """Keep samples that are relevant for a task, as a language model scores it.

    `task_desc` describes the task, and `valid_dataset` has examples of it, of which the first `n_shot` are shown. The
    score is the mean of topic, style, kind of task, knowledge and usefulness, each from 1 to 5, divided by 5. A call
    that failed has the score 0 and keeps its sample, unless `keep_failed` is off. Without task and examples nothing is
    asked, and every score is 0.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("llm_task_relevance", pa.float64(), "score from 0.2 to 1, 0 for a failed call"),
        Statistic("llm_task_relevance_record", pa.string(), "answer as JSON, empty for a failed call"),
        Statistic("llm_task_relevance_tags", pa.string(), "tags or flags as JSON, empty without any"),
    )
    task: ClassVar[str] = (
        "You judge whether a sample of training data would improve a language model for the task that is described, or "
        "for the examples that are shown. Judge only how well it fits, not how good it is; if it does not fit at all, "
        "score 1."
    )
    dimensions: ClassVar[Mapping[str, str]] = {
        "topical_relevance": "it is about the same subjects",
        "linguistic_style_match": "style, tone and complexity are alike",
        "task_match": "it solves a task of the same kind",
        "knowledge_alignment": "it needs the same knowledge and reasoning",
        "potential_utility": "training on it would help with the task",
    }

    valid_dataset: tuple[dict[str, Any], ...] | None = None
    task_desc: str | None = None
    n_shot: PositiveInt | None = None

    def problem(self) -> str | None:
        """Return why nothing can be asked: no task is given, or no model is configured."""
        return super().problem() if self.valid_dataset or self.task_desc else _NO_TASK

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every sample: the task and its examples, then the sample."""
        if not (self.valid_dataset or self.task_desc):
            return [None] * len(batch)
        task = f"# Task\n{self.task_desc}\n\n" if self.task_desc else ""
        shown = "\n\n".join(map(self._example, (self.valid_dataset or ())[: self.n_shot]))
        head = task + (f"# Examples of the task\n{shown}\n\n" if shown else "")
        return [None if prompt is None else head + prompt for prompt in super().prompts(batch)]

    def _example(self, example: Mapping[str, Any]) -> str:
        pairs = zip(self.input_keys, self.field_names, strict=True)
        template = self.field_template or FIELD_TEMPLATE
        fields = (
            filled(template, field_name=name, field_data=str(example[key])) for key, name in pairs if key in example
        )
        return "'''\n{}\n'''".format("\n\n".join(fields))
