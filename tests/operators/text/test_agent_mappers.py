"""Mappers over the messages and the usage of agents."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from dj_assets.errors import RecipeError, SampleError
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import FIELDS, TEXT, Batch
from dj_assets.operators.text.agent_tool_type_mapper import AgentToolTypeMapper
from dj_assets.operators.text.tool_success_tagger_mapper import ToolSuccessTaggerMapper
from dj_assets.operators.text.usage_counter_mapper import UsageCounterMapper
from dj_assets.recipe.load import load_recipe


def batch_of(*samples: dict[str, Any]) -> Batch:
    """Return a batch of samples with empty texts and these fields."""
    columns = [pa.array([""] * len(samples), pa.string()), pa.array(map(json.dumps, samples), pa.string())]
    return Batch(pa.RecordBatch.from_arrays(columns, names=[TEXT, FIELDS]))


def extracted(operator: FieldMapper, *samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields that an operator writes into each sample, without the name of the common parent."""
    written = operator.extract(batch_of(*samples))
    assert {name: column.type for name, column in written.items()} == dict(operator.fields)
    names = [name.removeprefix("__dj__meta__.") for name in written]
    rows = zip(*(column.to_pylist() for column in written.values()), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def tools(*names: object) -> dict[str, Any]:
    return {"__dj__meta__": {"agent_tool_types": list(names)}}


def test_the_most_frequent_tools() -> None:
    used = tools("b", "a ", " ", "c", "a", "c")
    assert extracted(AgentToolTypeMapper(), used, tools(), {}, {"__dj__meta__": {"agent_tool_types": "a"}}) == [
        {"primary_tool_type": "a", "dominant_tool_types": ["a", "c", "b"]},
        *[{"primary_tool_type": None, "dominant_tool_types": []}] * 3,
    ]
    (found,) = extracted(AgentToolTypeMapper(top_k_dominant=1, primary_key="p", dominant_key="d"), used)
    assert found == {"p": "a", "d": ["a"]}


def test_the_results_of_tools() -> None:
    contents = [
        "Error : no file",
        {"a": "permission denied"},
        [{"type": "text", "text": " it "}, {"type": "text"}, "failed"],
        "terror",
        5,
        " ",
        None,
    ]
    messages = [{"role": role, "content": content} for content in contents for role in ("tool", "user")]
    (found,) = extracted(ToolSuccessTaggerMapper(), {"messages": [*messages, {"role": "Tool_Use", "content": "ok"}]})
    results = found.pop("tool_results")
    assert found == {
        "tool_success_count": 3,
        "tool_fail_count": 3,
        "tool_unknown_count": 2,
        "tool_success_ratio": 0.5,
    }
    assert [result["result"] for result in results] == ["error"] * 3 + ["success"] * 2 + ["unknown"] * 2 + ["success"]
    assert results[2]["content_preview"] == "it\n\nfailed"


def test_results_by_own_patterns_and_roles() -> None:
    operator = ToolSuccessTaggerMapper(
        messages_key="log", tool_role_names=("cmd",), error_patterns=("^E",), store_per_tool_results=False
    )
    (some, none) = extracted(operator, {"log": [{"role": "cmd", "content": "E1"}, {"role": "tool"}]}, {"log": "text"})
    assert some["tool_fail_count"] == 1
    assert none == {
        "tool_success_count": 0,
        "tool_fail_count": 0,
        "tool_unknown_count": 0,
        "tool_success_ratio": None,
    }
    with pytest.raises(SampleError, match="messages: a message is no object"):
        extracted(ToolSuccessTaggerMapper(), {"messages": ["text"]})
    with pytest.raises(RecipeError, match="is not a regular expression"):
        load_recipe({"process": [{"tool_success_tagger_mapper": {"error_patterns": ["("]}}]})


def usage(prompt: object, completion: object, **more: object) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **more}


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ({}, (0, 0, None)),
        ({"usage": usage(3, 4)}, (3, 4, 7)),
        ({"usage": {"usage": {"input_tokens": 3, "output_tokens": 4}}}, (3, 4, 7)),
        (usage(3, 4), (3, 4, 7)),
        # the total of an equal usage is the sum; of different ones the first total counts
        ({"usage": usage(3, 4), "choices": [{"usage": usage(3, 4, total_tokens=7)}]}, (3, 4, 7)),
        ({"usage": usage(3, 4), "choices": [{"message": usage(1, 1, total_tokens=2)}, "text"]}, (4, 5, 2)),
        ({"response_metadata": {"usage_metadata": usage(1, None)}, "choices": [{"delta": usage(2, 0)}]}, (3, 0, 3)),
    ],
)
def test_tokens(sample: dict[str, Any], expected: tuple[int, int, int | None]) -> None:
    (found,) = extracted(UsageCounterMapper(), sample)
    assert tuple(found.values()) == expected


def test_equal_usages_may_count_twice() -> None:
    twice = {"usage": usage(3, 4), "choices": [{"usage": usage(3, 4)}]}
    (found,) = extracted(UsageCounterMapper(dedupe_identical_usage=False), twice)
    assert tuple(found.values()) == (6, 8, 14)
    with pytest.raises(SampleError, match="'many' is no number of tokens"):
        extracted(UsageCounterMapper(), {"usage": usage("many", 4)})
