"""Name the relation between two people in a text by a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.language_model import filled, without_text
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register

_TASK = (
    "From the text about {entity1} and {entity2}, find what {entity2} is to {entity1}. Name the relation in a few "
    "words of the language of the text, without punctuation; if both are the same person, write 另一个身份. Reply in "
    "this form, with these marks:\n分析推理：<reasoning>\n所以{entity2}是{entity1}的：<relation>"
)
_INPUT = "Text about {entity1} and {entity2}:\n```\n{text}\n```\n"
_FORM = r"\s*分析推理\s*[：:]\s*(.*?)\s*所以{entity2}是{entity1}的\s*[：:]\s*(.*?)\Z"
# An answer that concludes in other words.
_CONCLUSION = re.compile(r"(?:所以|因此|故|可见|[Tt]herefore|[Ss]o).{0,48}?[：:]\s*(.+?)\s*$")


@register("relation_identity_mapper")
class RelationIdentityMapper(LlmFieldMapper):
    """Write what `target_entity` is to `source_entity`, as a language model reads it in the text.

    The field is `output_key` of `__dj__meta__`, empty if the call failed, or if one of the entities is not given.
    Templates have `{entity1}`, `{entity2}` and `{text}`; the last group of `output_pattern_template` is the relation.
    With `drop_text`, the text is emptied.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.output_key}": pa.string()}
    )

    api_model: str | None = "gpt-4o"
    source_entity: str | None = None
    target_entity: str | None = None
    output_key: str = Field("role_relation", min_length=1)
    system_prompt_template: str | None = None
    input_template: str | None = None
    output_pattern_template: str | None = None
    drop_text: bool = False

    def system(self) -> str:
        """Return the system prompt."""
        return self._filled(self.system_prompt_template or _TASK)

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every text, None if an entity is not given."""
        if self.source_entity is None or self.target_entity is None:
            return [None] * len(batch)
        template = self.input_template or _INPUT
        return [self._filled(template, text=text) if text.strip() else None for text in batch.text.to_pylist()]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the relation; raise `ValueError` if the answer has none."""
        [name] = self.fields
        names = (re.escape(entity or "") for entity in (self.source_entity, self.target_entity))
        pattern = filled(self.output_pattern_template or _FORM, **dict(zip(("entity1", "entity2"), names, strict=True)))
        found = re.findall(pattern, answer, re.VERBOSE | re.DOTALL)
        last = found[-1] if found else ""
        relation = (last if isinstance(last, str) else last[-1]).strip()
        if relation:
            return {name: relation}
        for line in reversed(answer.splitlines()):
            match = _CONCLUSION.search(line.strip())
            if match and (relation := match[1].strip("。.\"' ")):
                return {name: relation}
        raise ValueError("has no relation")

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return an empty text."""
        [name] = self.fields
        return {name: [""] * len(batch)}

    def apply(self, batch: Batch) -> Batch:
        """Return the batch, with empty texts if they are dropped."""
        return without_text(batch) if self.drop_text else batch

    def _filled(self, template: str, text: str = "") -> str:
        return filled(template, entity1=self.source_entity or "", entity2=self.target_entity or "", text=text)
