"""Filter samples by a condition in words, as a language model judges it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import OneOf
from dj_assets.operators.kinds.audited import AuditedFilter
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.operators.kinds.llm_instruction import LlmInstruction
from dj_assets.operators.registry import register

_SYSTEM = "You judge whether a text satisfies a condition."
_WISH = "Does the text satisfy the condition? Reply with yes or no."
_YES = ("yes", "true", "是")
_YES_OR_NO = re.compile(r"\b(?:yes|no|true|false)\b|是|否")


@register("llm_condition_filter")
class LlmConditionFilter(AuditedFilter, LlmInstruction, Filter):
    """Keep samples whose text satisfies `condition`, as a language model judges it.

    An empty text is dropped, and so is a sample whose call failed; without a condition, others are kept.
    `knowledge_grounding_fixed` is background for all samples, else that in the field `knowledge_grounding_key`. With
    the strategies `cot` and `cot_shot` the model first reasons; with `few_shot` and `cot_shot` it gets `examples`.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | LanguageModelOperator.judging
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("llm_condition_filter_result", pa.string(), "true or false"),
    )

    recipe_names: ClassVar[Mapping[str, str]] = {"condition": "condition_text"}

    condition_text: str = ""

    @property
    def costly(self) -> bool:
        """Return true: each sample is a call."""
        return True

    @property
    def condition(self) -> OneOf:
        """Return the test of the judgement."""
        return OneOf(self.statistics[0].key, ("true",))

    def read(self, answer: str) -> bool:
        """Return the judgement; raise `ValueError` if the answer has none. After reasoning, the last word counts."""
        words = _YES_OR_NO.findall(answer.lower())
        if not words:
            raise ValueError("is neither yes nor no")
        return words[-1 if self.reasons else 0] in _YES

    def judged(self, answer: str) -> bool:
        """Return the judgement."""
        return self.read(answer)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return whether every text satisfies the condition."""
        texts = [text.strip() for text in batch.text.to_pylist()]
        prompts = [
            self.prompt(background, f"# Text\n{text}\n\n# Condition\n{self.condition_text}", _WISH) if text else None
            for text, background in zip(texts, self.backgrounds(batch), strict=True)
        ]
        found = self.ask(batch, prompts, self.read, _SYSTEM) if self.condition_text else [bool(text) for text in texts]
        return {self.statistics[0].key: pa.array(["true" if kept else "false" for kept in found], pa.string())}
