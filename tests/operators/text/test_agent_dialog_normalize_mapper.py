"""Messages of agents as dialogs. The expected values follow from the definition on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dj_assets
from dj_assets.errors import SampleError
from dj_assets.operators.text.agent_dialog_normalize_mapper import AgentDialogNormalizeMapper, without_middle
from dj_assets.operators.views.message_texts import content_text, text_of_choices
from tests.operators.text.test_agent_mappers import batch_of, extracted

CALL = {"function": {"name": "search"}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " What is in /skills/web_search/SKILL.md? "},
    {"role": "assistant", "content": None, "tool_calls": [CALL, {"name": "read"}, CALL]},
    {"role": "tool", "content": "ten lines"},
    {"role": "assistant", "content": [{"type": "text", "text": "It has"}, {"thinking": "ten"}, "lines."]},
    {"role": "User", "content": "Thanks"},
]
ANSWER = "[Tool calls: search, read]\n[Tool result]\nten lines\n\nIt has\nten\nlines."
QUESTION = "What is in /skills/web_search/SKILL.md?"


def test_turns_tags_and_lineage() -> None:
    sample = {"messages": MESSAGES, "choices": [{"message": {"content": "You are welcome."}}], "trace_id": 7, "pt": 20}
    (found,) = extracted(AgentDialogNormalizeMapper(), sample)
    assert found == {
        "dialog_history": [[QUESTION, ANSWER], ["Thanks", ""]],
        "query": "Thanks",
        "response": "You are welcome.",
        "agent_dialog_history_compressed": False,
        "agent_turn_count": 2,
        "agent_tool_types": ["search", "read"],
        "agent_skill_types": ["web_search"],
        "agent_last_user_msg_idx": 5,
        "agent_last_assistant_msg_idx": 4,
        "agent_request_id": "7",
        "agent_request_model": None,
        "agent_pt": "20",
        "agent_total_cost_time_ms": None,
    }


def test_the_text_is_the_dialog_with_labels() -> None:
    operator = AgentDialogNormalizeMapper(user_label="U", assistant_label="A", include_system_in_first_user=True)
    texts = operator.apply(batch_of({"messages": MESSAGES}, {"messages": None}, {})).text.to_pylist()
    assert texts == [f"U: Be brief.\n\n{QUESTION}\n\nA: {ANSWER}\n\nU: Thanks", "", ""]


def test_long_parts_lose_their_middle() -> None:
    long = "".join(chr(97 + index % 26) for index in range(3000))
    messages = [{"role": "user", "content": long}, {"role": "tool", "content": long}]
    operator = AgentDialogNormalizeMapper(history_max_user_chars=1000, history_tool_result_max_chars=100)
    (found,) = extracted(operator, {"messages": messages})
    query, response = found["query"], found["response"]
    assert found["agent_dialog_history_compressed"] is True
    assert len(query) <= 1000
    head, _, rest = query.partition("\n\n[··· ")
    left_out, _, tail = rest.partition(
        " chars omitted from middle; head+tail preserved — agent_dialog_normalize_mapper]\n\n"
    )
    assert long.startswith(head)
    assert long.endswith(tail)
    assert len(head) + int(left_out) + len(tail) == 3000
    assert response == f"[Tool result]\n{long[:52]}\n…[truncated — agent_dialog_normalize_mapper]…"


@pytest.mark.parametrize("most", [528, 600, 1000, 2999])
@pytest.mark.parametrize("ratio", [0.0, 0.62, 1.0])
def test_head_and_mark_and_tail_fit(most: int, ratio: float) -> None:
    assert len(without_middle("x" * 3000, most, ratio)) <= most


def test_messages_that_are_none_cost_their_sample() -> None:
    with pytest.raises(SampleError, match="messages: a message is no object"):
        extracted(AgentDialogNormalizeMapper(), {"messages": ["hello"]})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, ""),
        (7, "7"),
        ({"value": "", "text": " a "}, "a"),
        ([{"type": "image", "url": "x"}, {"type": "reasoning", "reasoning": "r"}, {"reasoning": "untyped"}], "r"),
        ([{"type": "input_text", "text": {"value": ["v", {"text": "w"}]}}], "v\nw"),
    ],
)
def test_content(content: object, expected: str) -> None:
    assert content_text(content) == expected


def test_the_first_choice_with_a_text() -> None:
    assert text_of_choices(["x", {"message": {"content": None}}, {"delta": {"content": [{"text": "d"}]}}]) == "d"
    assert text_of_choices(None) == ""


def test_records_without_a_text_and_operators_behind(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "one", "messages": MESSAGES}) + "\n")
    process = [
        {"agent_dialog_normalize_mapper": {"text_key": "text", "copy_lineage_fields": False}},
        {"agent_tool_type_mapper": {}},
        {"pii_redaction_mapper": {"redact_keys": ["text", "dialog_history"]}},
        {"text_length_filter": {"text_key": "text", "min_len": 100}},
    ]
    recipe = {"text_keys": "id", "process": process}
    run = dj_assets.run_recipe(recipe, [tmp_path / "a.jsonl"], tmp_path / "out", workers=1, format="jsonl")
    assert (run.samples_out, run.quarantined) == (1, 0)
    (sample,) = [json.loads(line) for part in (run.folder / "refined").glob("*.jsonl") for line in part.open()]
    assert sample["text"] == f"User: {QUESTION}\n\nAssistant: {ANSWER}\n\nUser: Thanks"
    assert sample["__dj__meta__"]["primary_tool_type"] == "search"
    assert sample["id"] == sample["__dj__meta__"]["agent_request_id"] == "one"


def test_the_text_of_the_sample_becomes_the_dialog(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "old", "messages": MESSAGES[1:2]}) + "\n")
    process = ["agent_dialog_normalize_mapper", {"text_length_filter": {"min_len": 20}}]
    run = dj_assets.run_recipe({"process": process}, [tmp_path / "a.jsonl"], tmp_path / "o", workers=1, format="jsonl")
    (sample,) = [json.loads(line) for part in (run.folder / "refined").glob("*.jsonl") for line in part.open()]
    assert (sample["text"], sample["query"]) == (f"User: {QUESTION}", QUESTION)
