"""Define the base class of mappers that extract something from the text by a language model."""

from __future__ import annotations

import re
from typing import ClassVar

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator, filled, without_text

_INPUT = "# Text\n```\n{text}\n```\n"


class LlmExtraction(LanguageModelOperator):
    """Extract something from the text; `task` is the instruction and the form of the answer.

    The marks of answers are those of Data-Juicer, so that prompts and patterns of recipes fit. With `drop_text`, the
    text is emptied.
    """

    task: ClassVar[str]
    form: ClassVar[str]

    api_model: str | None = "gpt-4o"
    system_prompt: str | None = None
    input_template: str | None = None
    output_pattern: str | None = None
    drop_text: bool = False

    def system(self) -> str:
        """Return the system prompt: that of the recipe, or the task."""
        return self.task if self.system_prompt is None else self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every text, None for an empty one."""
        template = self.input_template or _INPUT
        return [filled(template, text=text) if text.strip() else None for text in batch.text.to_pylist()]

    def matches(self, answer: str) -> list[tuple[str, ...]]:
        """Return the groups of every match of the pattern in an answer; a pattern of a recipe may be verbose."""
        pattern, flags = (self.form, 0) if self.output_pattern is None else (self.output_pattern, re.VERBOSE)
        return [match.groups("") or (match[0],) for match in re.finditer(pattern, answer, re.DOTALL | flags)]

    def apply(self, batch: Batch) -> Batch:
        """Return the batch, with empty texts if they are dropped."""
        return without_text(batch) if self.drop_text else batch
