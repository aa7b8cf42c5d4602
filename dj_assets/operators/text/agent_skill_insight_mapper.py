"""Summarize what an agent can do by a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.dialog_labels import language_named
from dj_assets.operators.kinds.language_model import not_empty
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

_TASK = (
    "You are given the tools and skills that an agent used. Name 3 to 5 abilities that they show, each in 4 to 8 words "
    "(8 to 12 characters in Chinese) with an object and a precise action, such as 'edit fields of tables in bulk', and "
    "not the names of the tools themselves, nor empty words such as 'data processing'. Write them in {language}, with "
    "commas between them, in one line and without numbers."
)
_MOST = 30
_BETWEEN = re.compile(r"[,，、;；]+")


@register("agent_skill_insight_mapper")
class AgentSkillInsightMapper(LlmFieldMapper):
    """Write the abilities of an agent, as a language model sums up its tools and skills, into a list of `__dj__meta__`.

    `tool_types_key`, `skill_types_key` and `insights_key` are fields of `__dj__meta__`. A sample without tools and
    skills, and one whose call failed, has an empty list.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.insights_key}": pa.list_(pa.string())}
    )

    api_model: str | None = "gpt-4o"
    tool_types_key: str = Field("agent_tool_types", min_length=1)
    skill_types_key: str = Field("agent_skill_types", min_length=1)
    insights_key: str = Field("agent_skill_insights", min_length=1)
    system_prompt: str | None = None
    preferred_output_lang: str = "en"
    try_num: PositiveInt = 2

    def system(self) -> str:
        """Return the system prompt."""
        if self.system_prompt is not None:
            return self.system_prompt
        return _TASK.replace("{language}", language_named(self.preferred_output_lang))

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return tools and skills of every sample that has some."""
        columns = (field_values(batch, f"{META}.{key}") for key in (self.tool_types_key, self.skill_types_key))
        pairs = zip(*(map(_names, column) for column in columns), strict=True)
        return [
            f"Tools: {', '.join(tools)}\nSkills: {', '.join(skills)}" if tools or skills else None
            for tools, skills in pairs
        ]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the abilities, each once."""
        [name] = self.fields
        phrases = (phrase.strip() for phrase in _BETWEEN.split(not_empty(answer)))
        return {name: list(dict.fromkeys(filter(None, phrases)))}

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return empty lists."""
        [name] = self.fields
        return {name: [[] for _ in range(len(batch))]}


def _names(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value] if value else []
    return [name for item in listed if (name := str(item).strip())][:_MOST]
