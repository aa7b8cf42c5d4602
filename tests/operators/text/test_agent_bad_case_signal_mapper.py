"""Signs of failed agents. The expected signs follow from the thresholds of the parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dj_assets
from dj_assets.errors import SampleError, UserError
from dj_assets.operators.text.agent_bad_case_signal_mapper import AgentBadCaseSignalMapper
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.operators.text.test_agent_mappers import extracted


def judged(sample: dict[str, Any], **parameters: Any) -> tuple[list[tuple[str, str]], str]:
    """Return codes and weights of the signs of a sample, and its tier."""
    (found,) = extracted(AgentBadCaseSignalMapper(**parameters), sample)
    return [(sign["code"], sign["weight"]) for sign in found["agent_bad_case_signals"]], found["agent_bad_case_tier"]


def meta(**values: Any) -> dict[str, Any]:
    return {"__dj__meta__": values}


def stats(**values: Any) -> dict[str, Any]:
    return {"__dj__stats__": values}


TOOLS = ("tool_message_error_pattern", "high")
DISCARD = json.dumps({"recommendation": ["Discard"]})


@pytest.mark.parametrize(
    ("sample", "parameters", "signs", "tier"),
    [
        ({}, {}, [], "none"),
        (meta(tool_fail_count=1), {}, [TOOLS], "high_precision"),
        (meta(tool_fail_count=1), {"high_precision_on_tool_fail_alone": False}, [TOOLS], "watchlist"),
        (meta(tool_fail_count=4), {"min_tool_fail_count_for_signal": 5}, [], "none"),
        (
            meta(tool_fail_count=2, tool_success_count=1, tool_success_ratio=1 / 3),
            {"signal_on_tool_fail": False},
            [("low_tool_success_ratio", "medium")],
            "watchlist",
        ),
        (
            {"query": "q" * 80, "response": " " * 30 + "ok"},
            {},
            [("suspect_empty_or_trivial_final_response", "medium")],
            "watchlist",
        ),
        ({"query": "q" * 79, "response": ""}, {}, [], "none"),
        (meta(total_tokens=11), {"max_total_tokens": 10}, [("high_token_usage", "medium")], "watchlist"),
        (meta(total_tokens=10), {"max_total_tokens": 10}, [], "none"),
        (meta(agent_total_cost_time_ms=9.5), {"max_latency_ms": 8}, [("high_latency_ms", "medium")], "watchlist"),
        (
            stats(llm_analysis_score=0.24, llm_analysis_record=DISCARD),
            {},
            [("llm_agent_analysis_eval_low", "high")],
            "high_precision",
        ),
        (stats(llm_analysis_score=0.2, llm_analysis_record="{"), {}, [], "none"),
        (
            stats(llm_quality_score=0.25, llm_quality_record={"recommendation": "keep"}),
            {"llm_text_quality_discard_must_be_strict": False},
            [("llm_reply_quality_eval_low", "medium")],
            "watchlist",
        ),
        (
            meta(dialog_sentiment_labels=["Very Negative"]),
            {"signal_on_negative_sentiment_hint": True, "min_medium_signals_for_watchlist": 3},
            [("negative_sentiment_label_hint", "medium")],
            "watchlist",
        ),
        (stats(perplexity=800.0), {"signal_on_high_perplexity": True}, [("high_perplexity", "medium")], "watchlist"),
        (
            stats(llm_difficulty_score=0.8, llm_quality_score=0.3),
            {"signal_hard_query_poor_reply": True},
            [("hard_query_low_reply_quality_conjunction", "medium")],
            "watchlist",
        ),
        (
            meta(dialog_coreference={"score": 2}, agent_trace_coherence={"score": 1, "skipped": True}),
            {},
            [("dialog_turn_quality_meta_low", "medium")],
            "watchlist",
        ),
        (
            meta(dialog_coreference={"score": 1}, total_tokens=9),
            {"max_total_tokens": 1, "min_medium_signals_for_watchlist": 3},
            [("high_token_usage", "medium"), ("dialog_turn_quality_meta_low", "medium")],
            "none",
        ),
    ],
)
def test_signs_and_tiers(
    sample: dict[str, Any], parameters: dict[str, Any], signs: list[tuple[str, str]], tier: str
) -> None:
    assert judged(sample, **parameters) == (signs, tier)


def test_details_hold_the_values() -> None:
    (found,) = extracted(AgentBadCaseSignalMapper(), meta(tool_fail_count=3))
    assert found["agent_bad_case_signals"] == [
        {"code": "tool_message_error_pattern", "detail": "tool_fail_count=3", "weight": "high"}
    ]


def test_a_calibration_gives_thresholds_by_model(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    by_model = {"small": {"max_total_tokens": 5}}
    path.write_text(json.dumps({"default": {"max_total_tokens": 50}, "by_request_model": by_model}))
    use = {"calibration_json_path": str(path), "auto_calibrate_thresholds": True}
    high = [("high_token_usage", "medium")]
    assert judged(meta(total_tokens=9), **use)[0] == []
    assert judged(meta(total_tokens=9, agent_request_model="small"), **use)[0] == high
    assert judged(meta(total_tokens=60), **use, max_total_tokens=70)[0] == []
    assert judged(meta(total_tokens=60), **use, max_total_tokens=70, calibration_manual_overrides_auto=False)[0] == high
    with pytest.raises(UserError, match=r"calibration_json_path: .*gone.json cannot be read"):
        judged({}, calibration_json_path=str(tmp_path / "gone.json"), auto_calibrate_thresholds=True)


def test_another_calibration_measures_again(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    before = AgentBadCaseSignalMapper(calibration_json_path=str(path)).measuring_parameters()
    path.write_text("{}")
    assert AgentBadCaseSignalMapper(calibration_json_path=str(path)).measuring_parameters() != before


def test_a_count_that_is_no_number_costs_its_sample() -> None:
    with pytest.raises(SampleError, match="'many' is no number"):
        judged(meta(total_tokens="many"))


def test_statistics_of_this_run_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "colourless green ideas sleep"}) + "\n")
    signal = {"agent_bad_case_signal_mapper": {"signal_on_high_perplexity": True, "perplexity_high_threshold": 1.0}}
    recipe = load_recipe({"process": [{"perplexity_filter": {"max_ppl": 1e9}}, signal]})
    assert make_plan(recipe).steps[1].reads == {"perplexity": "perplexity"}
    run = dj_assets.run_recipe(recipe, [tmp_path / "a.jsonl"], tmp_path / "out", workers=1, format="jsonl")
    (sample,) = [json.loads(line) for part in (run.folder / "refined").glob("*.jsonl") for line in part.open()]
    assert sample["__dj__meta__"]["agent_bad_case_signals"][0]["code"] == "high_perplexity"
