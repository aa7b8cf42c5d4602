"""Score by a language model whether an agent uses fitting tools."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.dialog_quality import QualityJudge
from dj_assets.operators.registry import register
from dj_assets.operators.views.dialogs import clipped_rounds
from dj_assets.operators.views.sample_fields import field_values

_MOST_TOOLS = 40


@register("agent_tool_relevance_mapper")
class AgentToolRelevanceMapper(QualityJudge):
    """Write whether the tools of an agent fit the request, as a language model scores it.

    The struct `agent_tool_relevance` of `__dj__meta__` has a score from 1 to 5 and a reason. The tools are those of
    `tool_types_key` and `primary_tool_key` in `__dj__meta__`. Without `overwrite`, a score that is there stays.
    """

    eval_kind: ClassVar[str] = "agent_tool"
    result_key: ClassVar[str] = "agent_tool_relevance"
    criterion: ClassVar[str] = (
        "You judge whether the tools that an assistant used fit the request of the user. The reply may "
        "contain the output of tools. A missing list of tools is no fault, and a short request alone is"
        " none, either.\n"
        "1 = tools and request clearly contradict each other; 5 = the tools are just those that are "
        "needed."
    )

    def judged(self, batch: Batch) -> list[str | None]:
        """Return request, reply and tools of every sample."""
        limits = self.max_query_chars_for_prompt, self.max_response_chars_for_prompt
        pairs = zip(self.values_of(batch, self.query_key), self.values_of(batch, self.response_key), strict=True)
        rounds = clipped_rounds([*pairs], *limits)
        tools = field_values(batch, f"{META}.{self.tool_types_key}")
        primary = field_values(batch, f"{META}.{self.primary_tool_key}")
        return [
            f"### User request\n{query}\n### Assistant reply\n{response}\n"
            f"### Tools\n{_listed(used)}\n### Main tool\n{main or '(none)'}\n"
            for (query, response), used, main in zip(rounds, tools, primary, strict=True)
        ]


def _listed(tools: object) -> str:
    if isinstance(tools, list):
        return ", ".join(map(str, tools[:_MOST_TOOLS])) or "(none)"
    return str(tools) if tools else "(none)"
