"""Explain what is known about the session of an agent by a language model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import NonNegativeInt, PositiveInt

from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.dialog_labels import language_named
from dj_assets.operators.kinds.language_model import json_object
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.operators.views.sample_statistics import statistic_values

_TASK = (
    "You are given what is known about one session of an agent, as a JSON object: counts, scores, labels, the start "
    "of question and answer, and signs of failure. Explain it with care: say where numbers and judgements agree and "
    "where they contradict each other, use only what the object holds, and name a low confidence where you are not "
    "sure. Reply with one JSON object with these keys and nothing else:\n"
    '"headline": one sentence\n'
    '"root_causes": list of {"factor", "confidence": "high" | "medium" | "low", "cited_fields": list of keys of the '
    'input, "rationale_one_line"}\n'
    '"narrative_alignment": "aligned" | "mixed" | "conflict"\n'
    '"human_review_priority": "P0" | "P1" | "P2" | "P3", P0 only rarely\n'
    '"viz_facets": list of keys that are worth a chart\n'
    '"audit_notes": text\n'
    "Write texts in {language}."
)
_CAUSE = pa.struct(
    [
        ("factor", pa.string()),
        ("confidence", pa.string()),
        ("cited_fields", pa.list_(pa.string())),
        ("rationale_one_line", pa.string()),
    ]
)
_INSIGHT = pa.struct(
    [
        ("headline", pa.string()),
        ("root_causes", pa.list_(_CAUSE)),
        ("narrative_alignment", pa.string()),
        ("human_review_priority", pa.string()),
        ("viz_facets", pa.list_(pa.string())),
        ("audit_notes", pa.string()),
    ]
)
_FAILED = {
    "headline": "no usable answer; see agent_insight_llm_raw",
    "root_causes": [],
    "narrative_alignment": "mixed",
    "human_review_priority": "P2",
    "viz_facets": [],
    "audit_notes": "no usable answer",
}
_LINEAGE = ("agent_request_model", "agent_pt", "agent_total_cost_time_ms", "agent_turn_count")
_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
_TOOLS = ("tool_success_count", "tool_fail_count", "tool_success_ratio", "primary_tool_type", "dominant_tool_types")
_LABELS = ("agent_skill_insights", "dialog_intent_labels", "dialog_topic_labels", "dialog_sentiment_labels")
_SIGNS = ("agent_bad_case_signals", "agent_bad_case_tier")
_JUDGED = (
    *(f"dialog_{name}" for name in ("memory_consistency", "coreference", "topic_shift", "error_recovery")),
    *(f"dialog_{name}" for name in ("clarification_quality", "proactivity", "non_repetition")),
    "agent_trace_coherence",
    "agent_tool_relevance",
)
_GROUPS = {
    "lineage": _LINEAGE,
    "usage_tokens": _TOKENS,
    "tools": _TOOLS,
    "dialog_tags": _LABELS,
    "dialog_quality_llm": _JUDGED,
    "deterministic_bad_case": _SIGNS,
}
_SCORES = tuple(f"llm_{name}_{part}" for name in ("analysis", "quality", "difficulty") for part in ("score", "record"))
_MEASURED = (*_SCORES, "text_len", "num_words", "perplexity", "lang_score")
_MOST_LISTED, _LONGEST = 8, 1200
_TIER = f"{META}.agent_bad_case_tier"


@register("agent_insight_llm_mapper")
class AgentInsightLlmMapper(LlmFieldMapper):
    """Write how a language model explains what operators before found out about an agent's session.

    The struct `agent_insight_llm` of `__dj__meta__` has a headline, causes with confidence and cited fields, whether
    the findings agree, a priority of review, fields worth a chart, and notes. The model gets counts, scores and labels
    of the fields and statistics that are there, and the beginning of question and answer. An answer that cannot be used
    is the text `agent_insight_llm_raw`. With `run_for_tiers`, only samples whose `agent_bad_case_tier` is listed are
    asked about.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {
        f"{META}.agent_insight_llm": _INSIGHT,
        f"{META}.agent_insight_llm_raw": pa.string(),
        f"{META}.agent_pipeline_output_lang": pa.string(),
    }

    api_model: str | None = "gpt-4o"
    system_prompt: str | None = None
    query_key: str = "query"
    response_key: str = "response"
    query_preview_max_chars: NonNegativeInt = 500
    response_preview_max_chars: NonNegativeInt = 500
    run_for_tiers: tuple[str, ...] | None = None
    try_num: PositiveInt = 2
    preferred_output_lang: str = "en"

    @property
    def reads_statistics(self) -> tuple[str, ...]:
        """Return the keys of the statistics that the model gets."""
        return _MEASURED

    def system(self) -> str:
        """Return the system prompt."""
        if self.system_prompt is not None:
            return self.system_prompt
        return _TASK.replace("{language}", language_named(self.preferred_output_lang))

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return what is known about every sample, as JSON; None for one of another tier."""
        known = {name: _rows(batch, keys) for name, keys in _GROUPS.items()}
        measured = {key: statistic_values(batch, key) for key in _MEASURED}
        previews = (
            [text.strip()[:longest] for text in self.values_of(batch, key)]
            for key, longest in (
                (self.query_key, self.query_preview_max_chars),
                (self.response_key, self.response_preview_max_chars),
            )
        )
        prompts: list[str | None] = []
        for index, (query, response, tier) in enumerate(zip(*previews, field_values(batch, _TIER), strict=True)):
            pack: dict[str, Any] = {name: rows[index] for name, rows in known.items()}
            pack["stats"] = _present({key: values[index] for key, values in measured.items()})
            pack |= {"query_preview": query, "response_preview": response}
            wanted = self.run_for_tiers is None or tier in self.run_for_tiers
            prompts.append(json.dumps(pack, ensure_ascii=False, default=str) if wanted else None)
        return prompts

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the explanation; raise `ValueError` if the answer has no JSON object with a headline."""
        found = json_object(answer)
        if not isinstance(found.get("headline"), str):
            raise ValueError("has no headline")  # noqa: TRY004 - the answer of a model
        given = found.get("root_causes")
        causes = given if isinstance(given, list) else []
        insight = {
            **{key: _text(found.get(key)) for key in _INSIGHT.names},
            "root_causes": [_cause(cause) for cause in causes if isinstance(cause, dict)],
            "viz_facets": _texts(found.get("viz_facets")),
        }
        return dict(zip(self.fields, (insight, answer, self._language), strict=True))

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return a record that says so for samples that were asked about, else nothing."""
        asked = [prompt is not None for prompt in self.prompts(batch)]
        values = (_FAILED, "", self._language)
        return {
            name: [value if was else None for was in asked] for name, value in zip(self.fields, values, strict=True)
        }

    @property
    def _language(self) -> str:
        return "zh" if language_named(self.preferred_output_lang) != language_named("en") else "en"


def _rows(batch: Batch, keys: Sequence[str]) -> list[dict[str, object]]:
    """Return the fields of `__dj__meta__` that are there, of every sample."""
    columns = {key: field_values(batch, f"{META}.{key}") for key in keys}
    return [_present({key: values[index] for key, values in columns.items()}) for index in range(len(batch))]


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {key: _short(value) for key, value in values.items() if value not in (None, "", [], {})}


def _short(value: object) -> object:
    """Return a value without nulls, with the first elements of a list, and the beginning of a text."""
    if isinstance(value, dict):
        return _present(value)
    if isinstance(value, list):
        return [_short(item) for item in value[:_MOST_LISTED]]
    return value[:_LONGEST] if isinstance(value, str) else value


def _cause(cause: Mapping[str, object]) -> dict[str, object]:
    texts = {key: _text(cause.get(key)) for key in _CAUSE.names}
    return {**texts, "cited_fields": _texts(cause.get("cited_fields"))}


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
