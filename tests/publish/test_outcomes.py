from __future__ import annotations

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.publish.outcomes import KEPT, Outcome, keep_newest, read_outcomes, record_file
from tests.documents import write_jsonl

RECIPE = {
    "process": [{"text_length_filter": {"min_len": 10, "max_len": 50}}, {"document_simhash_deduplicator": {}}],
}
TEXTS = [
    "a text that is long enough",
    "short",
    "a text that is long enough",
    None,
    "word " * 40,
    "one more of its kind",
]


@pytest.fixture
def layout(tmp_path):
    files = [write_jsonl(tmp_path / f"{name}.jsonl", [{"text": text} for text in TEXTS]) for name in "ab"]
    with files[1].open("a") as file:
        file.write("{broken\n")
    dj_assets.run_recipe(RECIPE, files, tmp_path / "out", workers=1)
    return Layout.output(tmp_path / "out")


def record(layout):
    path = record_file(layout, newest_run(layout).run_id)
    outcomes = read_outcomes(path)
    rows = pq.read_table(path).to_pylist()
    return {(row["shard"], row["row"]): outcomes[row["code"]] for row in rows}


def test_every_sample_has_one_fate_in_order(layout):
    found = record(layout)
    assert list(found) == [*((0, n) for n in range(6)), *((1, n) for n in range(7))]
    assert list(found.values())[:6] == [
        KEPT,
        Outcome("dropped", "text_length_filter", "below min_len"),
        Outcome("dropped", "document_simhash_deduplicator", "duplicate"),
        Outcome("dropped", "load", "no text"),
        Outcome("dropped", "text_length_filter", "above max_len"),
        KEPT,
    ]
    assert found[1, 6] == Outcome("quarantined", "load")
    manifest = newest_run(layout)
    kinds = Counter(outcome.kind for outcome in found.values())
    assert kinds == {"kept": manifest.samples_out, "dropped": manifest.dropped, "quarantined": 1}


def test_reasons_without_end_are_told_together(tmp_path):
    values = [f"v{n}" for n in range(1100)]
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "a text", "kind": value} for value in values])
    process = [{"specified_field_filter": {"field_key": "kind", "target_value": ["wanted"]}}]
    dj_assets.run_recipe({"process": process}, [source], tmp_path / "out", workers=1)
    layout = Layout.output(tmp_path / "out")
    found = record(layout)
    assert len(found) == 1100
    assert sum(outcome.reason == "other" for outcome in found.values()) == 100


def test_only_the_newest_are_kept_and_none_without_a_manifest(tmp_path):
    layout = Layout.home(tmp_path)
    for n in range(5):
        (layout.runs / "x").parent.mkdir(exist_ok=True)
        (layout.runs / f"{n}.json").write_text(json.dumps({}))
        record_file(layout, str(n)).touch()
    record_file(layout, "9").touch()
    assert [path.stem for path in keep_newest(layout, 3)] == ["0", "1", "9"]
    assert keep_newest(layout, 3) == []
    assert sorted(path.stem for path in layout.runs.glob("*.parquet")) == ["2", "3", "4"]


def test_a_million_samples_take_less_than_a_megabyte(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "x" * (n * 7919 % 97)} for n in range(50_000)])
    dj_assets.run_recipe({"process": RECIPE["process"][:1]}, [source], tmp_path / "out", workers=1)
    layout = Layout.output(tmp_path / "out")
    assert record_file(layout, newest_run(layout).run_id).stat().st_size < 50_000
