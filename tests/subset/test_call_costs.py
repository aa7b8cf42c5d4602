"""What calls of language models cost: while they are made, in the report, and as expected before a run."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.analysis.audit import agreements
from dj_assets.assets.call_metadata import call_metadata
from dj_assets.cli.app import app
from dj_assets.measure.progress import Progress
from dj_assets.models.text.counting import CallCounts
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.stores.generations import Generations
from tests.models.chat_server import ChatServer, chat_server

LABEL = "llm_quality_score_filter"
TEXTS = [f"Text {number}, score {number % 5 + 1}. " + "word " * number for number in range(20)]
STEPS = [{"text_length_filter": {"min_len": 60}}, {LABEL: {"min_score": 0.5, "model_params": {"max_retries": 0}}}]
ASKED = sum(len(text) >= 60 for text in TEXTS)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DJ_LLM", raising=False)
    with chat_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"gpt-4o": {"in": 1000000, "out": 100000}}')
    monkeypatch.setenv("DJ_LLM_PRICES", str(path))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


def run(source: Path, out: Path, steps: list[object] | None = None, **options: object) -> dj_assets.RunResult:
    return dj_assets.run_recipe({"process": steps or STEPS}, [source], out, workers=1, overwrite=True, **options)


def test_progress_counts_calls_and_tokens_of_this_run(source, tmp_path, server):
    seen: list[Progress] = []
    run(source, tmp_path / "out", report=seen.append)
    assert (seen[-1].calls, seen[-1].tokens) == (ASKED, 10 * ASKED)
    assert f"{ASKED} calls, " in str(seen[-1])
    assert "tokens/s" in str(seen[-1])
    looser = [{"text_length_filter": {"min_len": 59}}, STEPS[1]]
    run(source, tmp_path / "out", looser, report=seen.append)
    assert seen[-1].calls == sum(len(text) >= 59 for text in TEXTS) - ASKED
    run(source, tmp_path / "plain", STEPS[:1], report=seen.append)
    assert "tokens" not in str(seen[-1])


def test_the_manifest_counts_prompts_cached_and_failed(source, tmp_path, server):
    out = tmp_path / "out"
    server.fault = lambda handler, prompt: "score 1" in prompt and not handler.send({"error": "too long"}, 400)
    failed = sum("score 1" in text and len(text) >= 60 for text in TEXTS)
    [counts] = run(source, out).manifest.calls.values()
    answered = ASKED - failed
    assert counts == CallCounts("gpt-4o", ASKED, 0, failed, 7 * answered, 3 * answered, counts.seconds)
    again = run(source, out, [{"text_length_filter": {"min_len": 61}}, STEPS[1]]).manifest.calls[LABEL]
    assert again.kept == sum("score 1" not in text and len(text) >= 61 for text in TEXTS)
    assert again.tokens == 0
    read = dj_assets.open(out).manifest
    assert read.calls == {LABEL: again}


def test_the_report_has_costs_failures_and_examples(source, tmp_path, server, prices):
    out = tmp_path / "out"
    server.fault = lambda handler, prompt: "score 1" in prompt and not handler.send({"error": "<too> long"}, 400)
    run(source, out)
    page = (out / "report.html").read_text()
    section = page[page.index('id="calls"') : page.index('id="models"')]
    answered = ASKED - sum("score 1" in text and len(text) >= 60 for text in TEXTS)
    cost = 7 * answered + 0.3 * answered
    assert f"{cost:,.2f}" in section
    assert "&lt;too&gt; long" in section, "the text of a server is no markup"
    assert "dimension_scores" in section
    assert 'id="calls"' not in (run(source, tmp_path / "plain", STEPS[:1]).folder / "report.html").read_text()


def test_the_asset_of_calls_has_tables_and_examples(source, tmp_path, server, prices):
    out = tmp_path / "out"
    result = run(source, out)
    metadata = call_metadata(Generations(str(out / "generations")).records(), result.manifest.calls)
    assert (metadata["calls"], metadata["failed"]) == (ASKED, 0)
    assert metadata["cost"] == pytest.approx(7.3 * ASKED)
    [row] = metadata["calls_by_step"].records
    assert row.data["cached"] == "0"
    assert row.data["tokens in"] == str(7 * ASKED)
    assert "dimension" in metadata["examples"].value


def test_a_plan_expects_calls_by_an_assumption_or_an_earlier_run(source, tmp_path, server, prices):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(json.dumps({"process": STEPS}))
    lines = plan_of(recipe, source)
    assert any(LABEL in line and " 20 " in line and "assumption" in line for line in lines), lines
    assert "for 20 records" in lines
    assert any("these are the most calls" in line for line in lines)
    run(source, tmp_path / "out")
    lines = plan_of(recipe, source, "--from", str(tmp_path / "out"))
    [row] = [line.split() for line in lines if "earlier run" in line and LABEL in line]
    assert [*row[1:6], f"{7.3 * ASKED:.2f}"] == ["gpt-4o", str(ASKED), str(7 * ASKED), str(3 * ASKED), row[5], row[5]]
    assert not any("assumed" in line for line in lines)
    lines = plan_of(recipe, source, "--from", str(tmp_path / "out"), "--limit", "10")
    assert any(f"in all {round(10 * ASKED / 20)} calls" in line for line in lines), lines
    assert server.calls == ASKED, "a plan asks nothing"


def plan_of(recipe: Path, source: Path, *options: str) -> list[str]:
    shown = CliRunner().invoke(app, ["plan", str(recipe), "--input", str(source), *options])
    assert shown.exit_code == 0, shown.output
    return [line.strip() for line in shown.output.splitlines()]


def validated(recipe: Path, *options: str) -> str:
    shown = CliRunner().invoke(app, ["validate", str(recipe), *options])
    assert shown.exit_code == 0, shown.output
    return " ".join(shown.output.split())


def test_validate_asks_the_server_for_the_model(tmp_path, server: ChatServer, monkeypatch):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(json.dumps({"process": [{LABEL: {"api_or_hf_model": "another"}}, {LABEL: {"min_score": 0.7}}]}))
    shown = validated(recipe)
    assert "process[0]: llm_quality_score_filter: " in shown
    assert "does not list the model 'another'; it lists the-only-model" in shown
    assert "does not list the model 'gpt-4o'" in shown
    assert "2 operators, valid" in shown
    assert "2 operators, all well" in validated(recipe, "--offline")
    recipe.write_text(json.dumps({"process": [{LABEL: {"api_or_hf_model": None}}]}))
    assert "1 operator, all well" in validated(recipe)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert validated(recipe).count("http://127.0.0.1:9/v1: cannot be reached") == 1
    monkeypatch.setenv("DJ_LLM", "canned:missing.json")
    assert "missing.json cannot be read" in validated(recipe)
    assert server.calls == 0


AUDIT = {LABEL: {"min_score": 0.5, "audit_model": "second", "audit_share": 1.0, "model_params": {"max_retries": 0}}}


def test_a_second_model_audits_and_the_report_has_kappa(source, tmp_path, server):
    out, sensible = tmp_path / "out", server.reply
    result = run(source, out, [STEPS[0], {LABEL: {"min_score": 0.5}}])
    assert server.calls == ASKED

    def reply(prompt: str) -> str:
        second = server.bodies[-1]["model"] == "second"
        return sensible(prompt.replace("score 3", "score 1")) if second else sensible(prompt)

    server.reply = reply
    audited = run(source, out, [STEPS[0], AUDIT])
    assert server.calls == 2 * ASKED, "the first model is not asked again"
    assert audited.samples_out == result.samples_out, "the second model decides nothing"
    assert {label: (c.model, c.asked) for label, c in audited.manifest.calls.items()} == {
        LABEL: ("gpt-4o", 0),
        f"{LABEL}: second": ("second", ASKED),
    }
    with duckdb.connect(str(out / "stats.duckdb"), read_only=True) as database:
        [found] = agreements(database, make_plan(load_recipe({"process": [STEPS[0], AUDIT]})))
    scores = [number % 5 + 1 for number, text in enumerate(TEXTS) if len(text) >= 60]
    both, first, none = sum(n > 3 for n in scores), scores.count(3), sum(n < 3 for n in scores)
    assert (found.model, found.both, found.first, found.second, found.none) == ("gpt-4o", both, first, 0, none)
    page = (out / "report.html").read_text()
    assert f'<td class="n">{found.kappa:.2f}</td>' in page[page.index('id="audit"') :]
    assert 0 < found.kappa < 1


def test_a_share_of_the_samples_is_audited_the_same_in_each_run(source, tmp_path, server):
    half = {LABEL: {**AUDIT[LABEL], "audit_share": 0.5}}
    run(source, tmp_path / "one", [half])
    first = {body["messages"][-1]["content"] for body in server.bodies if body["model"] == "second"}
    server.bodies.clear()
    dj_assets.run_recipe({"process": [half]}, [source], tmp_path / "two", workers=2)
    assert {body["messages"][-1]["content"] for body in server.bodies if body["model"] == "second"} == first
    assert 0 < len(first) < len(TEXTS)


def test_calls_are_chosen_and_exported(source, tmp_path, server):
    out = tmp_path / "out"
    run(source, out, [AUDIT])

    def listed(*options: str) -> str:
        shown = CliRunner().invoke(app, ["generations", str(out), *options])
        assert shown.exit_code == 0, shown.output
        return shown.output

    assert len(listed("--json", "--model", "second").splitlines()) == len(TEXTS)
    assert len(listed("--json", "--model", "second", "--contains", "TEXT 7,").splitlines()) == 1
    assert listed("--json", "--operator", "llm_analysis_filter") == ""
    for ending in (".parquet", ".csv", ".jsonl"):
        path = tmp_path / f"it's calls{ending}"
        listed("--model", "second", "--export", str(path))
        rows = duckdb.sql(f"SELECT operator, model, answer FROM '{str(path).replace(chr(39), chr(39) * 2)}'").fetchall()
        assert {row[:2] for row in rows} == {(LABEL, "second")}
        assert len(rows) == len(TEXTS)
    refused = CliRunner().invoke(app, ["generations", str(out), "--export", str(tmp_path / "calls.xls")])
    assert "ends in none of .parquet, .csv, .jsonl" in " ".join(str(refused.exception).split())
