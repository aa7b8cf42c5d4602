"""Operators that ask a language model: prompts, and what is read from answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dj_assets.operators.registry import find
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.operators.records import batch


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that sets the answer to every prompt, or to the prompts that are named."""

    def set_answers(every: str = "", **_: object) -> None:
        table = tmp_path / "answers.json"
        table.write_text(json.dumps({"*": every}))
        monkeypatch.setenv("DJ_LLM", f"canned:{table}")

    return set_answers


def dimensions(**scores: object) -> str:
    return json.dumps({"dimension_scores": scores, "tags": {"topic": "law"}, "rationale": "…"})


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "Sure! Here it is: {} Anything else?"])
def test_the_score_is_the_mean_of_the_dimensions(answer, around):
    answer(around.replace("{}", dimensions(accuracy=5, grammar="4", informativeness=2, coherence=1)))
    found = find("llm_quality_score_filter")().measure(batch({"text": "a"}))
    assert found["llm_quality_score"].to_pylist() == [(5 + 4 + 2 + 1) / 4 / 5]
    assert json.loads(found["llm_quality_record"][0].as_py())["dimension_scores"]["grammar"] == "4"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I like it.",
        "[5, 5]",
        '{"dimension_scores": 5}',
        dimensions(accuracy=5, grammar=4, informativeness=2),
        dimensions(accuracy=6, grammar=4, informativeness=2, coherence=1),
        dimensions(accuracy=float("nan"), grammar=4, informativeness=2, coherence=1),
        dimensions(accuracy=None, grammar=4, informativeness=2, coherence=1),
        dimensions(accuracy="good", grammar=4, informativeness=2, coherence=1),
        dimensions(accuracy=True, grammar=4, informativeness=2, coherence=[1]),
        '{"dimension_scores": {"accuracy": 5, "gram',
    ],
)
def test_an_answer_without_all_scores_is_none(answer, text):
    answer(text)
    found = find("llm_quality_score_filter")().measure(batch({"text": "a"}))
    assert {key: column.to_pylist() for key, column in found.items()} == {
        "llm_quality_score": [0.0],
        "llm_quality_record": [""],
    }


def test_an_analysis_has_tags_and_dimensions_of_the_recipe(answer):
    answer(dimensions(safety=3, humour=4))
    operator = find("llm_analysis_filter")(dim_required_keys=["safety", "humour"], preferred_output_lang="zh")
    assert "- safety: safety" in operator.system()
    assert '"humour": <1-5>' in operator.system()
    assert "zh" in operator.system()
    found = operator.measure(batch({"text": "a"}))
    assert found["llm_analysis_score"].to_pylist() == [0.7]
    assert json.loads(found["llm_analysis_tags"][0].as_py()) == {"topic": "law"}


def test_prompts_name_fields(answer):
    answer("")
    operator = find("llm_difficulty_score_filter")(input_keys=["query", "meta.of"], field_names=["Q {data}", "R"])
    [prompt] = operator.prompts(batch({"query": 'What is {"a": {data}}?', "meta": {"of": 3}}))
    assert '**Q {data}**\nWhat is {"a": {data}}?\n\n**R**\n3' in prompt
    operator = find("llm_difficulty_score_filter")(input_template="Judge: {data}", field_template="{field_data}")
    assert operator.prompts(batch({"text": "this"})) == ["Judge: this"]
    with pytest.raises(ValueError, match="1 names for 2 input_keys"):
        find("llm_analysis_filter")(input_keys=["a", "b"])


def test_questions_and_answers_are_improved(answer):
    answer("[Question]\n What is water made of?\n[Answer]\nHydrogen\nand oxygen. ")
    records = batch({"query": "water?", "response": "H"}, {"query": "", "response": ""}, {"text": "no fields"})
    found = find("optimize_qa_mapper")().extract(records)
    assert found["query"].to_pylist() == ["What is water made of?", "", None]
    assert found["response"].to_pylist() == ["Hydrogen\nand oxygen.", "", None]
    assert find("optimize_qa_mapper")().prompts(records)[0].endswith("[Question]\nwater?\n[Answer]\nH")


@pytest.mark.parametrize("form", ["{}", "[Question]\n{}", " [Answer] {}\n"])
def test_one_text_is_improved(answer, form):
    answer(form.replace("{}", "A better one\nof two lines."))
    for name, field in (("optimize_query_mapper", "query"), ("optimize_response_mapper", "response")):
        found = find(name)().extract(batch({"query": "water?", "response": "H"}))
        assert {key: column.to_pylist() for key, column in found.items()} == {field: ["A better one\nof two lines."]}


def test_an_unusable_improvement_changes_nothing(answer):
    answer("[Question] Only a question")
    found = find("optimize_qa_mapper")().extract(batch({"query": "water?", "response": "H"}))
    assert [column.to_pylist() for column in found.values()] == [["water?"], ["H"]]


def test_templates_and_pattern_of_the_recipe(answer):
    answer("Q: one A: two")
    given = {"input_template": "Pair: {}", "qa_pair_template": "{} / {}", "output_pattern": "Q: (.*) A: (.*)"}
    operator = find("optimize_qa_mapper")(**given)
    records = batch({"query": "{}", "response": "b"})
    assert operator.prompts(records) == ["Pair: {} / b"]
    assert [column.to_pylist() for column in operator.extract(records).values()] == [["one"], ["two"]]
    with pytest.raises(ValueError, match="has 0 groups"):
        find("optimize_query_mapper")(output_pattern="no group")


def test_keywords(answer):
    answer('("content_keywords"<|>water, 水、"ice", water,)<|COMPLETE|>')
    operator = find("extract_keyword_mapper")(keyword_key="words")
    found = operator.extract(batch({"text": "About water"}, {"text": " "}))
    assert found["__dj__meta__.words"].to_pylist() == [["water", "水", "ice"], []]
    dropping = operator.model_copy(update={"drop_text": True})
    assert dropping.apply(batch({"text": "About water"})).text.to_pylist() == [""]
    answer("water, ice")
    assert operator.extract(batch({"text": "About water"}))["__dj__meta__.words"].to_pylist() == [None]


def test_pairs_are_made_of_a_text(answer):
    answer("Human: Who?\nAssistant: She.\nIndeed.\nHuman: no answer\nAssistant:\nHuman:When?Assistant:Now. ")
    records = batch({"text": "She did it now."}, {"text": " "})
    pairs = [("Who?", "She.\nIndeed."), ("When?", "Now.")]
    made = [{"text": "She did it now.", "query": query, "response": response} for query, response in pairs]
    assert find("generate_qa_from_text_mapper")().expand(records).to_pylist() == [made, []]
    assert find("generate_qa_from_text_mapper")(max_num=1).expand(records).to_pylist() == [made[:1], []]
    answer("There is nothing to ask.")
    assert find("generate_qa_from_text_mapper")().expand(records).to_pylist() == [[], []]
    with pytest.raises(ValueError, match="two groups"):
        find("generate_qa_from_text_mapper")(output_pattern="(one)")


def test_attributes_of_entities(answer):
    answer("## age\n About 40.\n### Passages\n```\nshe is 40\n```\n```years old```")
    records = batch({"text": "she is 40 years old"}, {"text": ""})
    operator = find("extract_entity_attribute_mapper")(query_entities=["her", "him"], query_attributes=["age"])
    assert {key: column.to_pylist() for key, column in operator.extract(records).items()} == {
        "__dj__meta__.main_entities": [["her", "him"], []],
        "__dj__meta__.attributes": [["age", "age"], []],
        "__dj__meta__.attribute_descriptions": [["About 40.", "About 40."], []],
        "__dj__meta__.attribute_support_texts": [[["she is 40", "years old"]] * 2, []],
    }
    answer("## age\nAbout 40.")
    assert operator.extract(records)["__dj__meta__.attributes"].to_pylist() == [[], []]
    lenient = operator.model_copy(update={"require_support_demos": False})
    assert lenient.extract(records)["__dj__meta__.attributes"].to_pylist() == [["age", "age"], []]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"model_params": {"api_key": "sk-secret-secret"}}, "api_key is never read from a recipe"),
        ({"model_params": {"retries": 3}}, "unknown key 'retries'"),
        ({"model_params": {"base_url": "localhost"}}, "base_url is no URL"),
        ({"model_params": {"timeout": 0}}, "timeout is 0; give a number"),
        ({"model_params": {"timeout": float("nan")}}, "timeout is nan; give a number"),
        ({"model_params": {"max_retries": "many"}}, "max_retries is 'many'; give a number"),
    ],
)
def test_parameters_of_the_connection_are_checked(parameters, problem):
    with pytest.raises(ValueError, match=problem) as raised:
        find("llm_quality_score_filter")(**parameters)
    assert "sk-secret" not in str(raised.value).split("[type=")[0]


def test_such_steps_are_conditional_and_the_connection_measures_nothing_again():
    def plan(stats: str, **parameters: object):
        asset = {"subset": "a", "group": "b", "stats": stats}
        steps = ["text_length_filter", {"llm_quality_score_filter": parameters}, "optimize_qa_mapper"]
        return make_plan(load_recipe({"process": steps, "asset": asset}))

    assert plan("cascade").conditional == {1, 2}
    assert plan("full").conditional == frozenset()
    usual = plan("full").stats_hash
    assert plan("full", model_params={"timeout": 3}, min_score=0.1, keep_failed=False).stats_hash == usual
    assert plan("full", api_or_hf_model=None).stats_hash != usual
    assert plan("full", sampling_params={"temperature": 1}).stats_hash != usual


def test_where_the_model_runs_has_no_effect():
    switches = {"is_hf_model": True, "enable_vllm": True, "model_params": {"tensor_parallel_size": 2}}
    names = ["llm_quality_score_filter", "optimize_query_mapper", "generate_qa_from_text_mapper"]
    recipe = load_recipe({"process": [{name: switches} for name in names]})
    assert [operator.parameters() for operator in recipe.process] == [{"model_params": {}}] * 3
    assert all(any(key in notice for notice in recipe.notices) for key in (*switches, "tensor_parallel_size"))
    [filtering] = load_recipe({"process": [{"llm_quality_score_filter": {"api_model": "mine"}}]}).process
    assert filtering.model == "mine"
