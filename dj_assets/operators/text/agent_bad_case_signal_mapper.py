"""Collect the signs that an agent failed, and judge them by a tier."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.errors import SampleError, UserError
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.operators.views.sample_statistics import statistic_values

SIGNALS = pa.list_(pa.struct([("code", pa.string()), ("detail", pa.string()), ("weight", pa.string())]))
# Fields of `__dj__meta__` with a score from 1 to 5.
_QUALITIES = (
    *(f"dialog_{name}" for name in ("memory_consistency", "coreference", "topic_shift", "error_recovery")),
    *(f"dialog_{name}" for name in ("clarification_quality", "proactivity", "non_repetition")),
    "agent_trace_coherence",
    "agent_tool_relevance",
)
_COUNTED = ("tool_fail_count", "tool_success_count", "tool_success_ratio", "total_tokens")
_META = (*_COUNTED, "agent_total_cost_time_ms", "dialog_sentiment_labels", "agent_request_model", *_QUALITIES)
_ANALYSIS = ("llm_analysis_score", "llm_analysis_record")
_QUALITY = ("llm_quality_score", "llm_quality_record")
_DIFFICULTY, _PERPLEXITY = "llm_difficulty_score", "perplexity"
_STATISTICS = (*_ANALYSIS, *_QUALITY, _DIFFICULTY, _PERPLEXITY)
_NEGATIVE = ("负面", "negative", "angry", "沮丧", "不满", "frustrated", "disappointed", "unhappy")
_JUDGED_BY_MODELS = frozenset({"llm_agent_analysis_eval_low", "llm_reply_quality_eval_low"})
_TOOL_ERRORS = "tool_message_error_pattern"

Values = Mapping[str, Any]


class Signal(NamedTuple):
    """Hold one sign: its code, the values that it rests on, and `high` or `medium`."""

    code: str
    detail: str
    weight: str = "medium"


@register("agent_bad_case_signal_mapper")
class AgentBadCaseSignalMapper(FieldMapper):
    """Write the signs that an agent failed into `__dj__meta__`: `agent_bad_case_signals`, and `agent_bad_case_tier`.

    A sign is an object with code, detail and weight. Signs are errors of tools, a low share of successful calls, a
    short response to a long query, many tokens, a long time, low scores of language models, negative sentiments, a high
    perplexity, a poor reply to a hard query, and low scores of dialogs. Each has a switch or a threshold. The values
    are those that operators before this one wrote or measured, or that the record has.

    The tier is `high_precision` for errors of tools, unless `high_precision_on_tool_fail_alone` is off, and for scores
    that advise to discard; `watchlist` for at least `min_medium_signals_for_watchlist` other signs, or a single one;
    else `none`. `calibration_json_path` names thresholds by model, in effect with `auto_calibrate_thresholds`.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {
        f"{META}.agent_bad_case_signals": SIGNALS,
        f"{META}.agent_bad_case_tier": pa.string(),
    }

    query_key: str = "query"
    response_key: str = "response"
    signal_on_tool_fail: bool = True
    min_tool_fail_count_for_signal: PositiveInt = 1
    signal_on_low_tool_success_ratio: bool = True
    tool_success_ratio_max_for_signal: float = 0.499
    min_tool_rounds_for_ratio_signal: int = 2
    signal_on_suspect_empty_response: bool = True
    min_query_len_for_empty_check: int = 80
    max_response_len_for_empty_check: int = 20
    max_total_tokens: int | None = None
    max_latency_ms: int | None = None
    calibration_json_path: str | None = None
    auto_calibrate_thresholds: bool = False
    calibration_manual_overrides_auto: bool = True
    auto_enable_perplexity_from_calibration: bool = True
    signal_on_llm_analysis_low: bool = True
    llm_analysis_score_max_for_bad: float = 0.28
    llm_analysis_discard_must_be_strict: bool = True
    high_precision_llm_analysis_discard_threshold: float = 0.24
    signal_on_llm_text_quality_low: bool = True
    llm_text_quality_score_max_for_bad: float = 0.28
    llm_text_quality_discard_must_be_strict: bool = True
    high_precision_llm_text_quality_discard_threshold: float = 0.24
    signal_on_negative_sentiment_hint: bool = False
    negative_sentiment_substrings: tuple[str, ...] | None = None
    signal_on_high_perplexity: bool = False
    perplexity_high_threshold: float = 800.0
    signal_hard_query_poor_reply: bool = False
    hard_query_difficulty_min: float = 0.72
    poor_reply_quality_max: float = 0.36
    high_precision_on_tool_fail_alone: bool = True
    min_medium_signals_for_watchlist: int = 2
    signal_on_low_dialog_quality_meta: bool = True
    dialog_quality_low_score_threshold: float = 2.0
    min_dialog_quality_low_axes_for_signal: PositiveInt = 1

    def measuring_parameters(self) -> dict[str, object]:
        """Return the parameters, with the checksum of the calibration in place of its path."""
        path = Path(self.calibration_json_path or "")
        content = path.read_bytes() if self.calibration_json_path and path.is_file() else b""
        return {**super().measuring_parameters(), "calibration_json_path": hashlib.sha256(content).hexdigest()}

    @property
    def reads_statistics(self) -> tuple[str, ...]:
        """Return the keys of the statistics that signs rest on."""
        return _STATISTICS

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the signs and the tier of every sample."""
        columns: dict[str, list[object]] = {name: field_values(batch, f"{META}.{name}") for name in _META}
        columns |= {key: statistic_values(batch, key) for key in _STATISTICS}
        columns |= {"query": field_values(batch, self.query_key), "response": field_values(batch, self.response_key)}
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        signals = [[*self._signals(row)] for row in rows]
        found, tier = self.fields
        return {
            found: pa.array([[signal._asdict() for signal in listed] for listed in signals], SIGNALS),
            tier: pa.array(map(self._tier, signals), pa.string()),
        }

    def _signals(self, row: Values) -> Iterator[Signal]:
        yield from self._of_tools(row)
        query, response = (str(row[name] or "").strip() for name in ("query", "response"))
        long_query = len(query) >= self.min_query_len_for_empty_check
        if (
            self.signal_on_suspect_empty_response
            and long_query
            and len(response) <= self.max_response_len_for_empty_check
        ):
            lengths = f"query_len={len(query)}, response_len={len(response)}"
            yield Signal("suspect_empty_or_trivial_final_response", lengths)
        yield from self._of_costs(row)
        yield from self._of_models(row)
        yield from self._of_dialogs(row)

    def _of_tools(self, row: Values) -> Iterator[Signal]:
        failed, succeeded = (_whole(row[name]) or 0 for name in _COUNTED[:2])
        if self.signal_on_tool_fail and failed >= self.min_tool_fail_count_for_signal:
            yield Signal(_TOOL_ERRORS, f"tool_fail_count={failed}", "high")
        share = row["tool_success_ratio"]
        enough = failed + succeeded >= self.min_tool_rounds_for_ratio_signal
        low = share is not None and float(share) <= self.tool_success_ratio_max_for_signal
        if self.signal_on_low_tool_success_ratio and enough and low:
            yield Signal("low_tool_success_ratio", f"ratio={share}, success={succeeded}, fail={failed}")

    def _of_costs(self, row: Values) -> Iterator[Signal]:
        limits = self._calibrated(row)
        tokens, most = _whole(row["total_tokens"]), self._limit("max_total_tokens", limits)
        if most is not None and tokens is not None and tokens > most:
            yield Signal("high_token_usage", f"total_tokens={row['total_tokens']}")
        spent, longest = _whole(row["agent_total_cost_time_ms"]), self._limit("max_latency_ms", limits)
        if longest is not None and spent is not None and spent > longest:
            yield Signal("high_latency_ms", f"total_cost_time_ms={row['agent_total_cost_time_ms']}")

    def _of_models(self, row: Values) -> Iterator[Signal]:
        if self.signal_on_llm_analysis_low:
            most, sure = self.llm_analysis_score_max_for_bad, self.high_precision_llm_analysis_discard_threshold
            code = "llm_agent_analysis_eval_low"
            yield from _low_score(row, _ANALYSIS, code, most, sure, strict=self.llm_analysis_discard_must_be_strict)
        if self.signal_on_llm_text_quality_low:
            most, sure = self.llm_text_quality_score_max_for_bad, self.high_precision_llm_text_quality_discard_threshold
            code = "llm_reply_quality_eval_low"
            yield from _low_score(row, _QUALITY, code, most, sure, strict=self.llm_text_quality_discard_must_be_strict)
        labels = row["dialog_sentiment_labels"]
        if self.signal_on_negative_sentiment_hint and isinstance(labels, list):
            said = " ".join(str(label).lower() for label in labels)
            if any(word.lower() in said for word in self.negative_sentiment_substrings or _NEGATIVE):
                yield Signal("negative_sentiment_label_hint", f"labels={labels[:6]}")
        perplexity, highest = row[_PERPLEXITY], self._highest_perplexity(self._calibrated(row))
        if highest is not None and perplexity is not None and float(perplexity) >= highest:
            yield Signal("high_perplexity", f"perplexity={perplexity}")

    def _of_dialogs(self, row: Values) -> Iterator[Signal]:
        hard, good = row[_DIFFICULTY], row[_QUALITY[0]]
        is_hard = hard is not None and float(hard) >= self.hard_query_difficulty_min
        is_poor = good is not None and float(good) <= self.poor_reply_quality_max
        if self.signal_hard_query_poor_reply and is_hard and is_poor:
            detail = f"difficulty={hard}, llm_quality_score={good}"
            yield Signal("hard_query_low_reply_quality_conjunction", detail)
        most = self.dialog_quality_low_score_threshold
        low = [name for name in _QUALITIES if (score := _score(row[name])) is not None and score <= most]
        if self.signal_on_low_dialog_quality_meta and len(low) >= self.min_dialog_quality_low_axes_for_signal:
            yield Signal("dialog_turn_quality_meta_low", f"axes={low}, threshold={most}")

    def _tier(self, signals: Sequence[Signal]) -> str:
        codes = {signal.code for signal in signals if signal.weight == "high"}
        medium = sum(signal.weight == "medium" for signal in signals)
        if _TOOL_ERRORS in codes:
            return "high_precision" if self.high_precision_on_tool_fail_alone else "watchlist"
        if codes & _JUDGED_BY_MODELS:
            return "high_precision"
        return "watchlist" if medium >= self.min_medium_signals_for_watchlist or medium == len(signals) == 1 else "none"

    def _calibrated(self, row: Values) -> Values:
        """Return the thresholds of the calibration for the model of a sample; empty without one."""
        if not self.auto_calibrate_thresholds or not self.calibration_json_path:
            return {}
        content = _calibration(self.calibration_json_path)
        model = str(row["agent_request_model"] or "").strip()
        return {**_object(content.get("default")), **_object(_object(content.get("by_request_model")).get(model))}

    def _limit(self, name: str, calibrated: Values) -> int | None:
        own: int | None = getattr(self, name)
        other = _whole(calibrated.get(name))
        first, second = (own, other) if self.calibration_manual_overrides_auto else (other, own)
        return second if first is None else first

    def _highest_perplexity(self, calibrated: Values) -> float | None:
        """Return the perplexity from which on there is a sign, None if there is none."""
        other = calibrated.get("perplexity_high_threshold")
        if self.signal_on_high_perplexity and (self.calibration_manual_overrides_auto or other is None):
            return self.perplexity_high_threshold
        wanted = self.signal_on_high_perplexity or self.auto_enable_perplexity_from_calibration
        return float(other) if other is not None and wanted else None


@cache
def _calibration(path: str) -> Values:
    try:
        return _object(json.loads(Path(path).expanduser().read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"calibration_json_path: {path} cannot be read: {error}") from None


def _object(value: object) -> Values:
    return value if isinstance(value, dict) else {}


def _low_score(
    row: Values, keys: tuple[str, str], code: str, most: float, sure: float, *, strict: bool
) -> Iterator[Signal]:
    """Yield the sign of a low score; with `strict`, only if the record of the score advises to discard the sample."""
    score, advice = row[keys[0]], _advice(row[keys[1]])
    if score is None or float(score) > most or (strict and advice != "discard"):
        return
    certain = float(score) <= sure and advice == "discard"
    yield Signal(code, f"score={score}, recommendation={advice or 'n/a'}", "high" if certain else "medium")


def _advice(record: object) -> str:
    if isinstance(record, str):
        try:
            record = json.loads(record)
        except ValueError:
            return ""
    advice = record.get("recommendation") if isinstance(record, dict) else None
    if isinstance(advice, list) and advice:
        advice = advice[0]
    return "" if advice is None else str(advice).strip().strip('"').lower()


def _score(record: object) -> float | None:
    if not isinstance(record, dict) or record.get("skipped") or record.get("error"):
        return None
    try:
        return float(record["score"])
    except (KeyError, TypeError, ValueError):
        return None


def _whole(value: object) -> int | None:
    if value is None or isinstance(value, int | float):
        return None if value is None else int(value)
    raise SampleError(f"{value!r} is no number")
