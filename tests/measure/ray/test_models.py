"""A recipe that asks a language model gives the same on a cluster as on one machine."""

from __future__ import annotations

import json

import duckdb

import dj_assets
from dj_assets import settings
from tests.measure.ray.conftest import NODES
from tests.measure.ray.test_engine import run_of, said
from tests.models.chat_server import chat_server

TEXTS = [f"A text of {number} words, score {number % 5 + 1}. " + "word " * number for number in range(60)]


def test_calls_on_three_nodes_are_those_on_one_machine(raylets, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "MODEL_BLOCK_BYTES", 1500)
    monkeypatch.delenv("DJ_LLM", raising=False)
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    recipe = {"process": [{"text_length_filter": {"min_len": 60}}, {"llm_quality_score_filter": {"min_score": 0.5}}]}
    asked = sum(len(text) >= 60 for text in TEXTS)
    with chat_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        dj_assets.run_recipe(recipe, [source], tmp_path / "local", workers=1, engine="local")
        dj_assets.run_recipe(recipe, [source], tmp_path / "ray", workers=NODES, engine="ray")
        assert server.calls == 2 * asked
        assert set(server.asked.values()) == {2}, "each engine asked once"
    here, there = said(tmp_path / "local"), said(tmp_path / "ray")
    # the calls have times, see below
    assert [name for name in here if here[name] != there[name] and name != "generations.parquet"] == []
    run = run_of(tmp_path / "ray")
    assert sum(run["blocks_by_node"].values()) > 3
    [counts] = run["calls"].values()
    assert (counts["prompts"], counts["kept"], counts["tokens_in"]) == (asked, 0, 7 * asked)
    query = "SELECT * EXCLUDE (seconds, asked) FROM generations ORDER BY key"
    rows = []
    for name in ("local", "ray"):
        with duckdb.connect(str(tmp_path / name / "stats.duckdb"), read_only=True) as database:
            rows.append(database.execute(query).fetchall())
    assert rows[0] == rows[1]
