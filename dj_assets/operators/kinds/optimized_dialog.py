"""Define the base class of mappers that let a language model improve questions and answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import field_validator

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import put
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.views.sample_fields import field_values

QUERY, RESPONSE = "query", "response"
PAIR = "[Question]\n{}\n[Answer]\n{}"
_INPUT = "This is the pair of a question and an answer:\n{}"
# A single text, with or without a mark before it.
ONE_TEXT = r"^\s*(?:\[\w+\]\s*|【\w+】\s*)?(\S.*)"


class OptimizedDialog(LlmFieldMapper):
    """Let a language model improve the fields `query` and `response` of each sample; `task` is its instruction.

    A sample whose call failed keeps its fields, and a sample with neither of them is not asked about. In the templates,
    `{}` stands for the pair, or for question and answer. The groups of `output_pattern` are the new texts.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: dict.fromkeys(operator.improved, pa.string())
    )
    task: ClassVar[str]
    improved: ClassVar[tuple[str, ...]] = (QUERY, RESPONSE)
    # also the marks of Data-Juicer, which a system prompt of the recipe may ask for
    form: ClassVar[str] = r"(?:\[Question\]|【问题】)\s*(.*?)\s*(?:\[Answer\]|【回答】)\s*(.*)"

    api_or_hf_model: str | None = "Qwen/Qwen2.5-7B-Instruct"
    system_prompt: str | None = None
    input_template: str | None = None
    qa_pair_template: str | None = None
    output_pattern: str | None = None

    @field_validator("output_pattern")
    @classmethod
    def _has_groups(cls, pattern: str | None) -> str | None:
        groups = 0 if pattern is None else re.compile(pattern).groups
        if pattern is not None and groups < len(cls.improved):
            raise ValueError(f"has {groups} groups, and needs one for each of {', '.join(cls.improved)}")
        return pattern

    def system(self) -> str:
        """Return the system prompt: that of the recipe, or the instruction."""
        return self.task if self.system_prompt is None else self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every sample."""
        pairs = zip(self.values_of(batch, QUERY), self.values_of(batch, RESPONSE), strict=True)
        pair, template = self.qa_pair_template or PAIR, self.input_template or _INPUT
        return [put(template, put(pair, *texts)) if any(texts) else None for texts in pairs]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the new texts.

        Raises
        ------
        ValueError
            If the answer is empty, or does not have the form.
        """
        found = re.search(self.output_pattern or self.form, answer, re.DOTALL)
        if found is None:
            raise ValueError("does not have the form")
        values = {name: (text or "").strip() for name, text in zip(self.improved, found.groups(), strict=False)}
        if not all(values.values()):
            raise ValueError("has an empty text")
        return values

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return the fields as they are."""
        return {name: [*field_values(batch, name)] for name in self.improved}
