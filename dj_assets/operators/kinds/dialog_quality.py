"""Define the base classes of mappers that score one aspect of a dialog by a language model."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import NonNegativeInt, PositiveInt

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.dialog_labels import language_named
from dj_assets.operators.kinds.language_model import json_object
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.views.dialogs import Round, clipped_rounds, dialogs
from dj_assets.operators.views.sample_fields import field_values

_RECORD = pa.struct(
    [
        ("score", pa.float64()),
        ("reason", pa.string()),
        ("eval_kind", pa.string()),
        ("skipped", pa.bool_()),
        ("error", pa.string()),
    ]
)
_LONGEST_REASON = 2000
_WORST, _BEST = 1.0, 5.0


class QualityJudge(LlmFieldMapper):
    """Write a score from 1 to 5 and a reason, as a language model gives them, into a struct of `__dj__meta__`.

    A subclass has the `criterion`: what is judged, and what 1 and 5 mean. A sample with nothing to judge is `skipped`;
    one whose call failed has an `error`.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.result_key}": _RECORD}
    )
    criterion: ClassVar[str]
    result_key: ClassVar[str]
    eval_kind: ClassVar[str]

    api_model: str | None = "qwen-turbo"
    history_key: str = "dialog_history"
    query_key: str = "query"
    response_key: str = "response"
    max_round: NonNegativeInt = 8
    max_query_chars_for_prompt: NonNegativeInt = 6000
    max_response_chars_for_prompt: NonNegativeInt = 8000
    trajectory_text_max_chars: NonNegativeInt = 12000
    tool_types_key: str = "agent_tool_types"
    primary_tool_key: str = "primary_tool_type"
    try_num: PositiveInt = 2
    overwrite: bool = False
    preferred_output_lang: str = "en"

    def usual_sampling(self) -> Mapping[str, Any]:
        """Return the sampling of Data-Juicer."""
        return {"max_tokens": 384, "temperature": 0.2}

    @abstractmethod
    def judged(self, batch: Batch) -> list[str | None]:
        """Return what is judged of every sample, None if there is nothing."""

    def system(self) -> str:
        """Return the task and the form of the answer."""
        return (
            f"{self.criterion}\nReply with one JSON object and nothing else:\n"
            '{"score": <whole number from 1 (worst) to 5 (best)>, "reason": <one or two sentences>}\n'
            f"Write the reason in {language_named(self.preferred_output_lang)}."
        )

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return what is judged; without `overwrite`, samples that have a score are not asked about."""
        judged = self.judged(batch)
        return (
            judged
            if self.overwrite
            else [text if old is None else None for text, old in zip(judged, self._old(batch), strict=True)]
        )

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the record, with a score limited to 1 to 5; raise `ValueError` for an answer without one."""
        found = json_object(answer)
        given = found.get("score")
        if isinstance(given, bool) or not isinstance(given, int | float | str):
            raise ValueError("has no score")  # noqa: TRY004 - the answer of a model
        number = float(given)
        if math.isnan(number):
            raise ValueError("has no score")
        score = min(_BEST, max(_WORST, number))
        reason = str(found.get("reason") or "")[:_LONGEST_REASON]
        return self._named({"score": score, "reason": reason, "eval_kind": self.eval_kind, "skipped": False})

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return the score that a sample has, else why it has none."""
        judged = self.judged(batch)
        pairs = zip(judged, [None] * len(judged) if self.overwrite else self._old(batch), strict=True)
        [name] = self.fields
        return {name: [old or self._without(text) for text, old in pairs]}

    def _without(self, text: str | None) -> dict[str, object]:
        if text is None:
            return {"reason": "empty_input", "eval_kind": self.eval_kind, "skipped": True}
        return {"eval_kind": self.eval_kind, "skipped": False, "error": "no_usable_answer"}

    def _old(self, batch: Batch) -> list[Mapping[str, object] | None]:
        [name] = self.fields
        return [old if isinstance(old, dict) else None for old in field_values(batch, name)]

    def _named(self, record: Mapping[str, object]) -> dict[str, object]:
        [name] = self.fields
        return {name: record}


class DialogJudge(QualityJudge):
    """Score the last answer of a dialog; the rounds before are shown, at most `max_round` in all."""

    eval_kind: ClassVar[str] = "dialog_turn"

    def judged(self, batch: Batch) -> list[str | None]:
        """Return the last rounds of every dialog."""
        limits = self.max_query_chars_for_prompt, self.max_response_chars_for_prompt
        return [
            self._shown(clipped_rounds(rounds[-self.max_round :], *limits)) if rounds else None
            for rounds in dialogs(batch, self.history_key, self.query_key, self.response_key)
        ]

    def _shown(self, rounds: list[Round]) -> str:
        *before, (query, response) = rounds
        earlier = "".join(f"[User]\n{asked}\n[Assistant]\n{answered}\n" for asked, answered in before)
        return (
            f"### Earlier turns\n{earlier}### Current user message\n{query}\n### Assistant reply to score\n{response}\n"
        )
