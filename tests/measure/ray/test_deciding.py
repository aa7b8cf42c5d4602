"""Duplicates that no machine decides alone: what a cluster decides in pieces is what one machine does."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

import dj_assets
from dj_assets.measure.ray import spreading
from dj_assets.replay.partitioned import deciding
from tests.documents import documents, write_jsonl
from tests.measure.ray.conftest import NODES
from tests.measure.ray.test_engine import said

SIMHASH = {"document_simhash_deduplicator": {"window_size": 3}}
EXACT = "document_deduplicator"
MINHASH = {"document_minhash_deduplicator": {"window_size": 2, "num_permutations": 64}}
FILTERS = ({"text_length_filter": {"min_len": 20}}, {"alphanumeric_filter": {"min_ratio": 0.4}})
COUNTED = ("counts", "outcomes", "version", "clusters", "near_pairs", "duplicates_against", "short_texts", "parts")


@pytest.fixture
def sources(tmp_path) -> list[Path]:
    records = [record for record in documents(240) if record["text"]]
    twins = [{"text": record["text"].replace("e", "i", 1)} for record in records[::7]]
    short = [{"text": text} for text in ("one", "one two", "one two three", "", None)]
    records += twins + short + [{"text": record["text"] + " "} for record in records[::5]]
    return [write_jsonl(tmp_path / f"part-{n}.jsonl", records[n::3]) for n in range(3)]


def decided(output: Path) -> tuple:
    decision = json.loads((output / ".dj/decision/decision.json").read_text())
    with duckdb.connect(str(output / "stats.duckdb"), read_only=True) as database:
        tables = [
            database.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
            for table in ("dropped", "duplicates", "quarantine")
        ]
    return {name: decision[name] for name in COUNTED}, tables


def both(recipe, inputs, tmp_path: Path, monkeypatch, **options) -> dict:
    """Decide on one machine, and in pieces on the cluster; return what was decided, once it is the same."""
    dj_assets.run_recipe(recipe, inputs, tmp_path / "local", workers=1, engine="local", **options)
    monkeypatch.setenv("DJ_ONE_NODE_SAMPLES", "0")
    monkeypatch.setattr(deciding, "_PARTS", (3, 3))
    dj_assets.run_recipe(recipe, inputs, tmp_path / "ray", engine="ray", workers=NODES, **options)
    here, there = said(tmp_path / "local"), said(tmp_path / "ray")
    assert [name for name in here if here[name] != there[name]] == []
    assert decided(tmp_path / "ray") == decided(tmp_path / "local")
    assert not (tmp_path / "ray/.dj/under_way").exists()
    return decided(tmp_path / "ray")[0]


def test_all_deduplicators_one_behind_the_other(raylets, tmp_path, sources, monkeypatch):
    """Each of the three judges by a reference, too."""
    process = [FILTERS[0], SIMHASH, FILTERS[1], EXACT, "whitespace_normalization_mapper", MINHASH]
    found = both({"process": process}, sources[1:], tmp_path, monkeypatch, against=sources[:1])
    assert found["near_pairs"] > 10
    assert found["clusters"] > 10
    assert found["short_texts"].keys() == {"document_simhash_deduplicator", "document_minhash_deduplicator"}
    assert sum(outcome["duplicates"] for outcome in found["outcomes"]) > found["duplicates_against"] > 10


def test_children_and_selections(raylets, tmp_path, sources, monkeypatch):
    longest = {"topk_specified_field_selector": {"field_key": "__dj__stats__.text_len", "top_ratio": 0.8}}
    process = [
        {"text_chunk_mapper": {"max_len": 40, "split_pattern": " "}},
        {"text_length_filter": {"min_len": 8}},
        SIMHASH,
        longest,
        {"random_selector": {"select_ratio": 0.5}},
        EXACT,
    ]
    found = both({"process": process}, sources, tmp_path, monkeypatch)
    assert found["counts"]["created"] > found["counts"]["expanded"] > 0


def test_groups(raylets, tmp_path, sources, monkeypatch):
    process = [
        {"extract_tables_from_html_mapper": {"tables_field_name": "tables"}},
        FILTERS[0],
        SIMHASH,
        {"fixed_size_grouper": {"group_size": 4}},
        {"join_text_aggregator": {"separator": " "}},
        {"text_chunk_mapper": {"max_len": 120, "split_pattern": " "}},
        MINHASH,
        {"random_selector": {"select_ratio": 0.5}},
    ]
    found = both({"process": process}, sources, tmp_path, monkeypatch)
    assert found["counts"]["grouped"] > 4 * found["counts"]["expanded"] - 4 > 0


def test_a_node_is_killed_while_deciding(raylets, tmp_path, sources, monkeypatch):
    done = spreading._some_done
    calls = []

    def killing(under_way):
        calls.append(len(under_way))
        if len(calls) == 12:
            raylets.kill_one()
        return done(under_way)

    monkeypatch.setattr(spreading, "_some_done", killing)
    both({"process": [SIMHASH, MINHASH]}, sources, tmp_path, monkeypatch)
    assert len(calls) > 40, "killed long before the end"
    assert calls[11] > 0, "with work under way"


def test_no_samples_at_all(raylets, tmp_path, monkeypatch):
    both({"process": [SIMHASH, EXACT]}, [write_jsonl(tmp_path / "empty.jsonl", [])], tmp_path, monkeypatch)
