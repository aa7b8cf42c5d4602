"""Find the passage of a text that a summary is about, by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.language_model import filled, not_empty, without_text
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

_TASK = (
    "You are given a text and a summary of one part of it. Quote the passage of the text that the summary is about, "
    "word by word; if several fit, quote the best one. Reply with the passage and nothing else."
)
_INPUT = "### Text\n{text}\n\n### Summary\n{summary}\n\n### Passage\n"


@register("extract_support_text_mapper")
class ExtractSupportTextMapper(LlmFieldMapper):
    """Write the passage of the text that a summary is about, as a language model quotes it, into `__dj__meta__`.

    `summary_key` and `support_text_key` are fields of `__dj__meta__`. A sample without a summary has no passage, and
    one whose call failed has the summary itself. Templates have `{text}` and `{summary}`. With `drop_text`, the text is
    emptied.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.support_text_key}": pa.string()}
    )

    api_model: str | None = "gpt-4o"
    summary_key: str = Field("event_description", min_length=1)
    support_text_key: str = Field("support_text", min_length=1)
    system_prompt: str | None = None
    input_template: str | None = None
    drop_text: bool = False

    def system(self) -> str:
        """Return the system prompt."""
        return _TASK if self.system_prompt is None else self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return text and summary of every sample that has a summary."""
        template = self.input_template or _INPUT
        pairs = zip(batch.text.to_pylist(), self._summaries(batch), strict=True)
        return [None if summary is None else filled(template, text=text, summary=summary) for text, summary in pairs]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the passage."""
        [name] = self.fields
        return {name: not_empty(answer)}

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return the summary."""
        [name] = self.fields
        return {name: [*self._summaries(batch)]}

    def apply(self, batch: Batch) -> Batch:
        """Return the batch, with empty texts if they are dropped."""
        return without_text(batch) if self.drop_text else batch

    def _summaries(self, batch: Batch) -> list[str | None]:
        values = field_values(batch, f"{META}.{self.summary_key}")
        return [value if isinstance(value, str) else None for value in values]
