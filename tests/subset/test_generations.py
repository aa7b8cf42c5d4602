"""Steps that ask a language model: what is asked again, and what is not, counted at the server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.cli.app import app
from dj_assets.errors import TextModelError
from dj_assets.home.home import output_layout
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.stores.generations import Generations
from dj_assets.views.terminal import render_trace
from tests.models.chat_server import ChatServer, chat_server

KEY = "sk-a-key-that-no-file-may-have"
TEXTS = [f"A text of {number} words, score {number % 5 + 1}. " + "word " * number for number in range(20)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.delenv("DJ_LLM", raising=False)
    with chat_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server


@pytest.fixture
def source(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        lines = [json.dumps({"text": text}) + "\n" for text in TEXTS[number::2]]
        (folder / f"{number}.jsonl").write_text("".join(lines))
    return sorted(folder.glob("*.jsonl"))


def process(shortest: int = 60, least: float = 0.5, **llm: object) -> list[object]:
    quick = {"max_retries": 0, "timeout": 5, **llm.pop("model_params", {})}
    return [
        {"text_length_filter": {"min_len": shortest}},
        {"llm_quality_score_filter": {"min_score": least, "model_params": quick, **llm}},
    ]


def run(
    source: list[Path], out: Path | str, steps: list[object] | None = None, **options: object
) -> dj_assets.RunResult:
    recipe = {"process": steps or process(), **options.pop("keys", {})}
    return dj_assets.run_recipe(recipe, source, out, **{"workers": 1, "overwrite": True, **options})


def kept(out: Path) -> list[str]:
    files = sorted((out / "refined").glob("*.parquet"))
    return [text for path in files for text in pq.read_table(path)["text"].to_pylist()]


def statistics(out: Path) -> list[tuple[object, ...]]:
    columns = "SELECT id, llm_quality_score, llm_quality_record FROM stats ORDER BY id"
    with duckdb.connect(str(out / "stats.duckdb"), read_only=True) as database:
        return database.execute(columns).fetchall()


def expected(shortest: int, least: float) -> set[str]:
    score = {text: int(text.split("score ")[1][0]) / 5 for text in TEXTS}
    return {text for text in TEXTS if len(text) >= shortest and score[text] >= least}


def test_moved_bounds_ask_only_for_admitted_samples(source, tmp_path, server):
    out = tmp_path / "out"
    run(source, out, process(60))
    first = sum(len(text) >= 60 for text in TEXTS)
    assert server.calls == first < len(TEXTS)
    assert set(kept(out)) == expected(60, 0.5)
    run(source, out, process(60, least=0.9))
    assert server.calls == first, "a moved threshold asks nothing"
    assert set(kept(out)) == expected(60, 0.9)
    run(source, out, process(80))
    assert server.calls == first, "a tighter bound asks nothing"
    assert set(kept(out)) == expected(80, 0.5)
    run(source, out, process(50))
    assert server.calls == sum(len(text) >= 50 for text in TEXTS), "a looser bound asks for admitted samples"
    assert set(kept(out)) == expected(50, 0.5)
    assert set(server.asked.values()) == {1}
    run(source, out, process(50, sampling_params={"temperature": 0.7}))
    assert set(server.asked.values()) == {2}, "other sampling is another question"
    assert server.bodies[-1]["temperature"] == 0.7


def test_two_workers_and_all_samples_give_the_same(source, tmp_path, server):
    run(source, tmp_path / "one")
    run(source, tmp_path / "two", workers=2)
    assert statistics(tmp_path / "one") == statistics(tmp_path / "two")
    assert set(server.asked.values()) == {2}
    full = {"asset": {"subset": "asked", "group": "mine", "stats": "full"}}
    run(source, tmp_path / "full", keys=full)
    assert len(server.asked) == len(TEXTS)
    assert kept(tmp_path / "full") == kept(tmp_path / "one")


ASKED = [text for text in TEXTS if len(text) >= 60]
FIRST = sum(len(text) >= 60 for text in TEXTS[::2])


@pytest.mark.parametrize("moment", [4, FIRST + 3, len(ASKED)], ids=["first file", "second file", "last answer"])
def test_a_killed_run_asks_nothing_twice(source, tmp_path, server, monkeypatch, moment):
    monkeypatch.setenv("DJ_LLM_CALLS", "2")
    server.pause = 0.1
    out = tmp_path / "out"
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, json, dj_assets\n"
        "dj_assets.run_recipe(json.loads(sys.argv[1]), sys.argv[3:], sys.argv[2], workers=1, overwrite=True)\n"
    )
    recipe = json.dumps({"process": process()})
    command = [sys.executable, str(script), recipe, str(out), *map(str, source)]
    killed = subprocess.Popen(command, env=os.environ)
    deadline = time.monotonic() + 60
    while len(kept_keys(out)) < moment and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(0.3)
    begun = set(server.asked)
    answered = kept_keys(out)
    assert max(moment, len(begun) - 2) <= len(answered) <= moment + 2
    server.pause = 0
    run(source, out)
    assert len(server.asked) == len(ASKED)
    twice = [prompt for prompt, times in server.asked.items() if times > 1]
    assert len(twice) == len(begun) - len(answered) <= 2, "only calls under way are lost"
    assert set(kept(out)) == expected(60, 0.5)
    assert not list((out / "generations").glob("*/.*.tmp"))


def kept_keys(out: Path) -> set[Path]:
    return set((out / "generations").glob("*/[!.]*.json"))


def test_failed_calls_keep_their_samples_and_are_asked_again(source, tmp_path, server):
    out = tmp_path / "out"
    server.fault = lambda handler, prompt: "score 1" in prompt and not handler.send({"error": "busy"}, 503)
    run(source, out)
    failed = {text for text in TEXTS if "score 1" in text and len(text) >= 60}
    assert set(kept(out)) == expected(60, 0.5) | failed
    run(source, out, process(keep_failed=False))
    assert set(kept(out)) == expected(60, 0.5)
    shown = CliRunner().invoke(app, ["generations", str(out), "--failed", "--json"])
    lines = [json.loads(line) for line in shown.output.splitlines()]
    assert {line["error"] for line in lines} == {'status 503: {"error": "busy"}, 1 times'}
    assert len(lines) == len(failed)
    server.fault = None
    run(source, out, process(61))
    assert set(kept(out)) == expected(61, 0.5)
    assert json.loads(CliRunner().invoke(app, ["generations", str(out), "--failed", "--json"]).output or "[]") == []


def test_an_unusable_answer_is_asked_for_again_with_another_seed(source, tmp_path, server):
    out = tmp_path / "out"
    sensible = server.reply
    server.reply = lambda prompt: sensible(prompt) if server.asked[prompt] == 2 else "I like it very much!"
    run(source, out)
    assert set(server.asked.values()) == {2}
    assert {body.get("seed") for body in server.bodies} == {None, 1}
    assert set(kept(out)) == expected(60, 0.5)
    run(source, out, process(60, try_num=2))
    assert set(server.asked.values()) == {2}, "unusable answers are kept, too"


def test_a_server_that_refuses_or_is_missing_stops_the_run(source, tmp_path, server, monkeypatch):
    out = tmp_path / "out"
    server.fault = lambda handler, _: server.calls > 9 and not handler.send({"error": f"no credit for {KEY}"}, 403)
    with pytest.raises(TextModelError, match="refuses"):
        run(source, out)
    assert not (out / "refined").exists()
    server.fault = None
    run(source, out)
    assert max(server.asked.values()) == 2
    assert sum(server.asked.values()) < 2 * len(server.asked), "what was answered before is not asked again"
    calls = server.calls
    monkeypatch.delenv("OPENAI_BASE_URL")
    run(source, out, process(70))
    assert server.calls == calls, "kept answers need no server"
    with pytest.raises(TextModelError, match="no language model is configured"):
        run(source, out, process(10))


def test_no_file_has_the_key(source, tmp_path, server):
    out = tmp_path / "out"
    result = run(source, out, process(model_params={"api_key": "sk-another-key"}))
    assert server.keys == {f"Bearer {KEY}"}
    assert any("model_params: api_key without effect; set OPENAI_API_KEY" in notice for notice in load_notices())
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert b"sk-another-key" not in content, path
    assert result.manifest.samples_in == len(TEXTS)


def load_notices() -> tuple[str, ...]:
    return load_recipe({"process": process(model_params={"api_key": "sk-another-key"})}).notices


def test_calls_of_a_subset_in_an_object_store_are_kept_there(source, tmp_path, server, lake):
    out = f"{lake}/out"
    run(source[:1], out)
    first = server.calls
    kept_calls = Generations(f"{out}/generations")
    assert len([*kept_calls.records()]) == first > 0
    # another machine has no working copy
    shutil.rmtree(tmp_path / "cache")
    run(source[:1], out, process(70))
    assert server.calls == first
    shown = CliRunner().invoke(app, ["generations", out])
    assert f"{first} calls, 0 failed" in shown.output


def test_explain_reads_what_was_answered(source, tmp_path, server):
    out = tmp_path / "out"
    result = run(source, out)
    calls = server.calls
    plan = make_plan(load_recipe({"process": process()}))
    [trace] = explain(plan, output_layout(out), result.manifest, "1.jsonl:9")
    assert "llm_quality_score = 1," in trace.steps[1].summary
    [call] = trace.steps[1].calls
    assert TEXTS[19] in call.messages[-1][1]
    assert "5" in call.answer
    assert f"answer: {call.answer}" in render_trace(trace).plain
    assert server.calls == calls


def test_generations_lists_calls_and_sums(source, tmp_path, server):
    out = tmp_path / "out"
    run(source, out)
    shown = CliRunner().invoke(app, ["generations", str(out)])
    assert shown.exit_code == 0
    count = server.calls
    assert f"{count} calls, 0 failed; tokens: {7 * count} in, {3 * count} out" in shown.output
    first = json.loads(CliRunner().invoke(app, ["generations", str(out), "--json"]).output.splitlines()[0])
    assert {"key", "request", "asked", "answer"} == first.keys()


def test_validate_has_a_line_where_nothing_is_configured(tmp_path, monkeypatch):
    for name in ("OPENAI_BASE_URL", "DJ_LLM"):
        monkeypatch.delenv(name, raising=False)
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("process:\n  - llm_quality_score_filter: {min_score: 0.5}\n")
    shown = CliRunner().invoke(app, ["validate", str(recipe)])
    assert shown.exit_code == 0
    assert "process[0]: llm_quality_score_filter: no language model is configured; set OPENAI_BASE_URL" in shown.output
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert "no language model" not in CliRunner().invoke(app, ["validate", str(recipe)]).output
