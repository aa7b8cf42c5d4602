"""Score by a language model whether the session of an agent keeps to its goal."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.dialog_quality import QualityJudge
from dj_assets.operators.registry import register
from dj_assets.operators.views.dialogs import clipped


@register("agent_trace_coherence_mapper")
class AgentTraceCoherenceMapper(QualityJudge):
    """Write whether the session of an agent, which is the text, keeps to its goal, as a language model scores it.

    The struct `agent_trace_coherence` of `__dj__meta__` has a score from 1 to 5 and a reason. At most
    `trajectory_text_max_chars` characters are sent. Without `overwrite`, a score that is there stays.
    """

    eval_kind: ClassVar[str] = "agent_trace"
    result_key: ClassVar[str] = "agent_trace_coherence"
    criterion: ClassVar[str] = (
        "You judge the session of an agent, which may contain the output of tools: does it go straight "
        "to the goal of the user? If it looks cut off, score 4 or 5 unless it is clearly incoherent.\n"
        "1 = it wanders off, or makes no progress; 3 = it gets there with detours; 5 = every step "
        "serves the goal."
    )

    def judged(self, batch: Batch) -> list[str | None]:
        """Return the text of every session."""
        longest = self.trajectory_text_max_chars
        return [f"### Session\n{clipped(text, longest)}\n" if text.strip() else None for text in batch.text.to_pylist()]
