"""Mappers, filters and aggregators that ask a language model: what they ask, and what they read from answers."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import find
from dj_assets.recipe.load import load_recipe
from tests.operators.records import batch

META = "__dj__meta__"


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that sets the answer to every prompt, or to the prompts that are named."""

    def set_answers(every: str = "", named: dict[str, str] | None = None) -> None:
        table = tmp_path / f"answers{len([*tmp_path.iterdir()])}.json"
        table.write_text(json.dumps({"*": every, **(named or {})}))
        monkeypatch.setenv("DJ_LLM", f"canned:{table}")

    return set_answers


def extracted(name: str, *records: dict[str, object], **parameters: object) -> dict[str, list[object]]:
    operator = find(name)(**parameters)
    return {key: column.to_pylist() for key, column in operator.extract(batch(*records)).items()}


DIALOG = {"history": [["Hello", "Hi"], ["What is 2 + 2?", "5"]], "query": "No, it is 4", "response": "Right."}
LABELLED = ("dialog_intent_detection_mapper", "dialog_topic_detection_mapper", "dialog_sentiment_detection_mapper")


@pytest.mark.parametrize("name", LABELLED)
def test_each_question_of_a_dialog_is_labelled_with_those_before(answer, name):
    operator = find(name)
    analysis, label = operator.marks
    first = "用户：Hello\n"
    second = f"{first}{analysis}：a\n{label}：greet\nLLM：Hi\n用户：What is 2 + 2?\n"
    third = f"{second}{analysis}：b\n{label}：ask\nLLM：5\n用户：No, it is 4\n"
    named = {first: "greet", second: "ask", third: "ask"}
    answer(
        "nothing", {prompt: f"{analysis}：{'abc'[row]}\n{label}：{named[prompt]}" for row, prompt in enumerate(named)}
    )
    keys = operator().labels_key, operator().analysis_key
    found = extracted(name, DIALOG, {"query": "alone"}, {})
    assert found[f"{META}.{keys[0]}"] == [["greet", "ask"], [], []]
    assert found[f"{META}.{keys[1]}"] == [["a", "b", "c"], [""], []]


def test_labels_have_candidates_rounds_limits_and_a_language():
    operator = find("dialog_intent_detection_mapper")(
        intent_candidates=["ask", "thank"], max_round=1, max_query_chars_for_prompt=30, preferred_output_lang="en"
    )
    assert operator.choice() == "备选意图类别：[ask,thank]\n"
    assert "in English" in operator.system()
    assert "in Simplified Chinese" in find("dialog_topic_detection_mapper")().system()
    given = operator.model_copy(update={"system_prompt": "mine"})
    assert given.system() == "mine"


@pytest.mark.parametrize(("said", "score"), [("-5", -5), ("0", 0), ("６", None), ("6", None), ("glad", None)])
def test_sentiments_are_whole_numbers_from_minus_5_to_5(answer, said, score):
    answer(f"情绪分析：calm\n情绪值：{said}\n")
    found = extracted("dialog_sentiment_intensity_mapper", {"query": "Hello"})
    assert found[f"{META}.dialog_sentiment_intensity"] == [[score]]
    assert found[f"{META}.dialog_sentiment_intensity_analysis"] == [["calm" if score is not None else ""]]


QUALITIES = ("memory_consistency", "coreference", "topic_shift", "error_recovery", "clarification_quality")
JUDGES = [f"dialog_{name}" for name in (*QUALITIES, "proactivity", "non_repetition")] + ["agent_tool_relevance"]


@pytest.mark.parametrize("name", [*JUDGES, "agent_trace_coherence"])
def test_an_aspect_of_a_dialog_has_a_score_and_a_reason(answer, name):
    answer('{"score": 7, "reason": "fine"}')
    old = {META: {name: {"score": 2.0, "reason": "old"}}}
    [found] = extracted(f"{name}_mapper", {"text": "t", "query": "q", "response": "r"}, {"query": "q", **old}).values()
    assert (found[0]["score"], found[0]["reason"], found[0]["error"]) == (5.0, "fine", None)
    assert found[1]["score"] == 2.0, "a score that is there stays"
    [again] = extracted(f"{name}_mapper", {"text": "t", "query": "q", **old}, overwrite=True).values()
    assert again[0]["score"] == 5.0
    answer("no score")
    [failed] = extracted(f"{name}_mapper", {"text": "t", "query": "q"}).values()
    assert failed[0]["error"] == "no_usable_answer"


def test_a_judge_sees_the_rounds_before_and_the_limits():
    operator = find("dialog_proactivity_mapper")(max_round=2, max_response_chars_for_prompt=30, history_key="history")
    long = {**DIALOG, "response": "x" * 99}
    shown, empty = operator.judged(batch(long, {"text": "none"}))
    assert shown == (
        "### Earlier turns\n[User]\nWhat is 2 + 2?\n[Assistant]\n5\n### Current user message\nNo, it is 4\n"
        "### Assistant reply to score\nxxxxxxx\n…[response truncated]…\n"
    )
    assert empty is None
    [skipped] = operator.extract(batch({"text": "none"})).values()
    assert skipped.to_pylist()[0]["skipped"] is True
    assert operator.usual_sampling() == {"max_tokens": 384, "temperature": 0.2}


NICKNAMES = """### 称呼方式1
- **说话人**：Anna
- **被称呼人**：Benjamin
- **Anna对Benjamin的昵称**：Ben
### 称呼方式2
- **说话人**：Ben
- **被称呼人**：Anna
- **Anna对Ben的昵称**：A
### 称呼方式3
- **说话人**：Cem
- **被称呼人**：Anna
- **Cem对Anna的昵称**：Anna
"""


def test_nicknames_and_relations(answer):
    answer(NICKNAMES)
    found = extracted("extract_nickname_mapper", {"text": "Ben!"}, {"text": ""})[f"{META}.nickname"]
    assert [list(one.values()) for one in found[0]] == [["Anna", "Benjamin", "Ben", ["nickname"], None]]
    assert found[1] == []
    answer("none")
    assert extracted("extract_nickname_mapper", {"text": "Ben!"})[f"{META}.nickname"] == [None]

    both = {"source_entity": "A.", "target_entity": "B"}
    for text in ("分析推理：they met\n所以B是A.的：friend", "I think so.\nTherefore B is to A.: friend."):
        answer(text)
        assert extracted("relation_identity_mapper", {"text": "t"}, **both) == {f"{META}.role_relation": ["friend"]}
    assert extracted("relation_identity_mapper", {"text": "t"}) == {f"{META}.role_relation": [""]}
    assert "what B is to A." in find("relation_identity_mapper")(**both).system()


def test_events_become_samples(answer):
    event = "### 情节{}：\n- **情节描述**： {}\n- **相关人物**：{}\n"
    answer(event.format(1, "She left.", "Anna，Ben") + event.format(2, "No.", ""))
    made = find("extract_event_mapper")(drop_text=True).expand(batch({"text": "t"}, {"text": " "})).to_pylist()
    names = {f"{META}.event_description": "She left.", f"{META}.relevant_characters": ["Anna", "Ben"]}
    assert made == [[{"text": "", **names}], []]


def test_support_texts(answer):
    answer(" the passage ")
    records = [{"text": "t", META: {"event_description": "s"}}, {"text": "t", META: {"event_description": ["s"]}}]
    assert extracted("extract_support_text_mapper", *records)[f"{META}.support_text"] == ["the passage", None]
    answer("  ")
    assert extracted("extract_support_text_mapper", *records)[f"{META}.support_text"] == ["s", None]


def test_entities_are_gleaned_while_some_are_missing(answer):
    entity = '("entity"<|>"{}"<|>"person"<|>"a person")##'
    related = '("relationship"<|>"Anna"<|>Ben<|>"friends"<|>"play, school"<|>7)("relationship"<|>a<|>b<|>c<|>d<|>much)'
    operator = find("extract_entity_relation_mapper")(
        prompt_template="{input_text}", continue_prompt="more?", if_loop_prompt="missing?", max_gleaning=2
    )
    answer("", {"t": entity.format("Anna") * 2, "more?": entity.format("Ben") + related, "missing?": "'Yes'"})
    entities, relations = (
        column.to_pylist() for column in operator.extract(batch({"text": "t"}, {"text": ""})).values()
    )
    assert [one["entity_name"] for one in entities[0]] == ["Anna", "Ben"]
    assert [list(one.values()) for one in relations[0]] == [["Anna", "Ben", "friends", ["play", "school"], 7.0]]
    assert (entities[1], relations[1]) == ([], [])
    answer("none")
    assert operator.extract(batch({"text": "t"})).popitem()[1].to_pylist() == [None]


@pytest.mark.parametrize("marks", [("[Question]", "[Answer]"), ("【问题】", "【回答】")])
def test_dialogs_are_corrected_by_the_text(answer, marks):
    answer("{}\nbetter?\n{}\nbetter.".format(*marks))
    pair = {"text": "facts", "query": "q", "response": "r"}
    assert extracted("calibrate_qa_mapper", pair, {"text": "t"}) == {
        "query": ["better?", None],
        "response": ["better.", None],
    }
    [prompt] = find("calibrate_qa_mapper")(reference_template="R: {}").prompts(batch(pair))
    assert prompt == "R: facts\n[Question]\nq\n[Answer]\nr"
    answer(f"{marks[1]}\nbetter")
    assert extracted("calibrate_query_mapper", pair) == {"query": ["better"]}
    assert extracted("calibrate_response_mapper", pair) == {"response": ["better"]}


def test_a_worse_answer_and_why(answer):
    answer("Well: [Answer]\nworse\n[Reason]\nwrong facts")
    found = extracted("pair_preference_mapper", {"text": "t", "query": "q", "response": "r"}, {})
    assert found == {"rejected_response": ["worse", ""], "reason": ["wrong facts", ""]}


def test_tags_conditions_and_keys_of_the_recipe(answer):
    answer(" 数学\n")
    assert extracted("text_tagging_by_prompt_mapper", {"text": "1 + 1"}) == {"__dj__text_tags__": [["数学"]]}
    assert find("text_tagging_by_prompt_mapper")(prompt="{tag_list} {text}", tag_list=["a"]).prompts(
        batch({"text": "t"})
    ) == ["['a'] t"]

    answer('{"who": "Anna", "ages": [3, 4], "other": 1}')
    wanted = {"output_schema": {"who": "the person", "ages": "all ages", "where": "the place"}}
    values = {"who": "Anna", "ages": "[3, 4]", "where": None}
    assert extracted("llm_extract_mapper", {"text": "t"}, input_keys=["text"], **wanted) == {
        f"{META}.llm_extract": [values]
    }
    flat = extracted("llm_extract_mapper", {"a": 1}, input_keys=["a"], meta_output_key=None, **wanted)
    assert flat == {f"{META}.{key}": [value] for key, value in values.items()}
    assert extracted("llm_extract_mapper", {}, input_keys=["a"], **wanted)[f"{META}.llm_extract"][0]["who"] is None
    operator = find("llm_extract_mapper")(
        input_keys=["a"], strategy="cot_shot", examples="E", knowledge_grounding_key="b", **wanted
    )
    [prompt] = operator.prompts(batch({"a": 1, "b": "B"}))
    assert prompt.startswith("# Background\nB\n\n# Examples\nE\n\n# Input\na: 1\n\n# Keys")
    assert "step by step" in prompt


@pytest.mark.parametrize(
    ("text", "strategy", "kept"),
    [
        ("Yes.", None, "true"),
        ("no, yes would be wrong", None, "false"),
        ("Is it? No rain, so yes", "cot", "true"),
        ("maybe", None, "false"),
    ],
)
def test_a_condition_in_words(answer, text, strategy, kept):
    answer(text)
    [operator] = load_recipe(
        {"process": [{"llm_condition_filter": {"condition": "wet", "strategy": strategy}}]}
    ).process
    assert operator.measure(batch({"text": "t"}, {"text": " "})).popitem()[1].to_pylist() == [kept, "false"]
    without = find("llm_condition_filter")()
    assert without.measure(batch({"text": "t"}, {"text": " "})).popitem()[1].to_pylist() == ["true", "false"]


def test_relevance_for_a_task(answer):
    names = "topical_relevance linguistic_style_match task_match knowledge_alignment potential_utility"
    answer(json.dumps({"dimension_scores": dict.fromkeys(names.split(), 2)}))
    given = {"task_desc": "sums", "valid_dataset": [{"text": "1 + 1"}, {"text": "2 + 2"}], "n_shot": 1}
    operator = find("llm_task_relevance_filter")(**given)
    assert operator.measure(batch({"text": "t"}))["llm_task_relevance"].to_pylist() == [0.4]
    [prompt] = operator.prompts(batch({"text": "t"}))
    assert prompt.startswith("# Task\nsums\n\n# Examples of the task\n'''\n**Text**\n1 + 1\n'''\n\n# Data")
    assert "neither task_desc nor valid_dataset" in str(find("llm_task_relevance_filter")().problem())


def test_prompts_are_made_of_prompts(answer):
    one, two = (
        "\nAn example:\n【提示词】\n{}\n",
        "\nAn example:\n【提示词】\nfirst\n\nAn example:\n【提示词】\nsecond\n",
    )
    answer("", {one.format("first"): "【提示词】second", two: "【提示词】third"})
    operator = find("optimize_prompt_mapper")(gen_num=3, max_example_num=2)
    made = operator.expand(batch({"text": "t", "prompt": "first"}, {"text": "t"})).to_pylist()
    assert made == [[{"text": "t", "prompt": "second"}, {"text": "t", "prompt": "third"}], []]
    assert operator.keeps_parents
    on_text = operator.model_copy(update={"prompt_key": "text", "gen_num": 1})
    assert on_text.expand(batch({"text": "first"})).to_pylist() == [["second"]]


def test_questions_after_examples(answer, tmp_path):
    seeds = tmp_path / "seeds.jsonl"
    dialogs = [[("user", f"q{n}"), ("assistant", f"the answer {n} of many")] for n in range(5)]
    lines = [{"messages": [{"role": role, "content": text} for role, text in dialog]} for dialog in dialogs]
    seeds.write_text("".join(json.dumps(line) + "\n" for line in lines))
    operator = find("generate_qa_from_examples_mapper")(seed_file=str(seeds), example_num=2)
    answer("【问题】\nfirst\n【回答】\none\n【问题】 who? 【回答】 she ")
    rows = batch(*[{"text": ""}] * 3).rows.append_column("row", pa.array([7, 8, 9]))
    found = {name: column.to_pylist() for name, column in operator.extract(Batch(rows)).items()}
    assert found == {"query": ["who?"] * 3, "response": ["she"] * 3, "history": [[["first", "one"]]] * 3}
    shown = [operator._prompt(operator._chosen(tuple((f"q{n}",) * 2 for n in range(5)), str(row))) for row in range(9)]
    assert len(set(shown)) > 2
    answer("【问题】q1【回答】the answer 1 of many")
    copied = operator.model_copy(update={"example_num": 5}).extract(batch({"text": ""}))
    assert [column.to_pylist() for column in copied.values()] == [[""], [""], [[]]]
    assert "needs a seed_file" in find("generate_qa_from_examples_mapper")().problem()


def test_agents_are_summed_up_and_explained(answer):
    answer("edit tables in bulk、 trace logs,edit tables in bulk")
    known = {META: {"agent_tool_types": ["read", ""], "agent_bad_case_tier": "watchlist", "total_tokens": 7}}
    found = extracted("agent_skill_insight_mapper", known, {"text": "t"})
    assert found == {f"{META}.agent_skill_insights": [["edit tables in bulk", "trace logs"], []]}

    cause = {"factor": "tools", "confidence": "low", "cited_fields": ["tools"], "rationale_one_line": "…"}
    answer(json.dumps({"headline": "It failed", "root_causes": [cause], "viz_facets": ["tools"]}))
    operator = find("agent_insight_llm_mapper")(run_for_tiers=["watchlist"])
    [prompt, other] = operator.prompts(batch({**known, "query": "q" * 999}, {"text": "t"}))
    pack = json.loads(prompt)
    assert (pack["usage_tokens"], len(pack["query_preview"]), other) == ({"total_tokens": 7}, 500, None)
    insight, raw, language = (column.to_pylist() for column in operator.extract(batch(known, {"text": "t"})).values())
    assert (insight[0]["headline"], insight[0]["root_causes"], language) == ("It failed", [cause], ["en", None])
    assert (insight[1], raw[1]) == (None, None)


def test_what_is_left_of_personal_data(answer):
    finds = [{"field": "query", "category": "name", "evidence": "Anna B"}, {"field": "text", "evidence": "12345678"}]
    answer(json.dumps({"suspected": finds}))
    record = {"text": "call 12345678", "query": "I am Anna B", "messages": [{"role": "user", "content": "hello"}]}
    clean = {"text": "hello there"}
    operator = find("pii_llm_suspect_mapper")(redaction_mode="evidence", redaction_placeholder="[X]")
    results, raw, query, response = (column.to_pylist() for column in operator.extract(batch(record, clean)).values())
    assert results[0]["fields_inspected"] == ["text", "query", "messages_excerpt"]
    assert (results[0]["likely_clean"], results[0]["redaction_applied"], raw) == (False, True, [None, None])
    assert (results[1]["skipped"], results[1]["reason"]) == (True, "heuristic_gate")
    assert (query, response) == (["I am [X]", None], [None, None])
    assert operator.apply(batch(record, clean)).text.to_pylist() == ["call [X]", "hello there"]
    always = find("pii_llm_suspect_mapper")(gate_mode="always")
    assert always.extract(batch(clean))[f"{META}.pii_llm_suspect"].to_pylist()[0]["skipped"] is False
    assert always.apply(batch(record)).text.to_pylist() == [record["text"]]


def test_questions_are_answered(answer):
    answer("4")
    [operator] = load_recipe(
        {"process": [{"llm_ray_vllm_engine_pipeline": {"query_key": "q", "engine_kwargs": {"max_model_len": 9}}}]}
    ).process
    assert operator.extract(batch({"q": "2 + 2?"}, {}))["response"].to_pylist() == ["4", None]


def test_texts_of_groups_are_summarized(answer):
    groups = pa.array([["a" * 40, "b" * 40, "c" * 40, ""], ["alone"], [""]])

    def made(name: str, **parameters: object) -> list[dict[str, object]]:
        return find(name)(**parameters).aggregate(groups).to_pylist()

    answer("“short”")
    field = "__dj__batch_meta__.event_description"
    wanted = [{"text": text, field: text} for text in ("short", "alone", "")]
    assert made("nested_aggregator", max_token_num=25) == wanted
    assert made("nested_aggregator", max_token_num=1) == wanted
    answer("# Anna\n## age\n about 40 ")
    found = made("entity_attribute_aggregator", entity="Anna", attribute="age")
    assert [row["__dj__batch_meta__.entity_attribute"] for row in found] == ["about 40", "about 40", ""]
    answer("## 分析\nBoth.\n## 列表\nBen, Cem、Ben")
    found = made("most_relevant_entities_aggregator", entity="Anna", query_entity_type="people", max_token_num=20)
    assert found[0] == {"text": "Ben, Cem", "__dj__batch_meta__.most_relevant_entities": ["Ben", "Cem"]}
    assert found[2] == {"text": "", "__dj__batch_meta__.most_relevant_entities": []}


def test_a_bound_beyond_the_usual_other_one_is_said_and_loads():
    recipe = load_recipe({"process": [{"llm_quality_score_filter": {"min_score": 3.0}}]})
    assert any("is 3.0, above max_score 1.0, so that no value is in the range" in notice for notice in recipe.notices)
