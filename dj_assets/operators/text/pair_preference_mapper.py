"""Write a worse answer to each question by a language model, for training on preferences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, field_validator

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import filled
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.kinds.optimized_dialog import QUERY, RESPONSE
from dj_assets.operators.registry import register

_TASK = (
    "Write another answer to the question that is the opposite of the given one in one respect: style, facts, identity "
    "or attitude of the speaker. Reply in this form and with nothing else:\n"
    "[Answer]\nthe other answer\n[Reason]\nin which respect it differs"
)
_INPUT = "[Reference]\n{reference}\n\nQuestion and answer:\n[Question]\n{query}\n[Answer]\n{response}"
_FORM = r".*?(?:\[Answer\]|【回答】)\s*(.*?)\s*(?:\[Reason\]|【原因】)\s*(.*)"
_GROUPS = 2


@register("pair_preference_mapper")
class PairPreferenceMapper(LlmFieldMapper):
    """Let a language model write a worse answer to `query` than `response`, given the text, and why it is worse.

    They are written into the fields `rejected_key` and `reason_key`, empty if the call failed. `input_template` has
    `{reference}`, `{query}` and `{response}`; the two groups of `output_pattern` are answer and reason.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: dict.fromkeys((operator.rejected_key, operator.reason_key), pa.string())
    )

    api_model: str | None = "gpt-4o"
    system_prompt: str | None = None
    input_template: str | None = None
    output_pattern: str | None = None
    rejected_key: str = Field("rejected_response", min_length=1)
    reason_key: str = Field("reason", min_length=1)

    @field_validator("output_pattern")
    @classmethod
    def _has_groups(cls, pattern: str | None) -> str | None:
        if pattern is not None and re.compile(pattern).groups < _GROUPS:
            raise ValueError("needs two groups, for answer and reason")
        return pattern

    def system(self) -> str:
        """Return the system prompt."""
        return _TASK if self.system_prompt is None else self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every sample, None for one without question and answer."""
        columns = (batch.text.to_pylist(), self.values_of(batch, QUERY), self.values_of(batch, RESPONSE))
        return [
            filled(self.input_template or _INPUT, reference=text, query=query, response=response)
            if query or response
            else None
            for text, query, response in zip(*columns, strict=True)
        ]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return answer and reason; raise `ValueError` if one is missing."""
        found = re.match(self.output_pattern or _FORM, answer, re.DOTALL)
        texts = [(text or "").strip() for text in found.groups()[:_GROUPS]] if found else []
        if not texts or not all(texts):
            raise ValueError("has no answer or no reason")
        return dict(zip(self.fields, texts, strict=True))

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return empty texts."""
        return {name: [""] * len(batch) for name in self.fields}
