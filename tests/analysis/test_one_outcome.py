"""Whatever a run is made of, all that tells of it tells the same: tables, stories, the difference, the export."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.analysis.run_diff import Run, diff_runs
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, run_before
from dj_assets.publish.export.export import Export
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.publish.export.test_export import read

WORDS = st.sampled_from(["tide", "harbour", "a", "!!!", "12", "läuft", "市场", "x" * 40])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
IDS = st.one_of(st.none(), st.sampled_from(["one", "two words", "a,b", "ünï", "", "'"]), st.integers(-5, 5))
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.none(), st.text(max_size=5))
RECORDS = st.fixed_dictionaries(
    {"text": st.one_of(st.just(None), TEXTS, TEXTS, TEXTS)},
    optional={"id": IDS, "n": NUMBERS, "more": st.lists(NUMBERS)},
)
LINES = st.one_of(
    *[RECORDS.map(lambda record: json.dumps(record, ensure_ascii=False))] * 9, st.sampled_from(["{broken", "[]", "  "])
)
CORPORA = st.lists(LINES, min_size=1, max_size=25).filter(lambda lines: any('"text"' in line for line in lines))
BOUNDS = st.tuples(st.integers(0, 12), st.integers(12, 60), st.floats(0, 0.9))
FEW = settings(max_examples=8, deadline=None)


def recipe(bounds: tuple[int, int, float]) -> dict[str, Any]:
    low, high, ratio = bounds
    process = [
        "whitespace_normalization_mapper",
        {"text_length_filter": {"min_len": low, "max_len": high}},
        {"document_deduplicator": {"lowercase": True}},
        {"alphanumeric_filter": {"min_ratio": ratio}},
        {"document_simhash_deduplicator": {"window_size": 2, "tokenization": "character"}},
    ]
    return {"process": process}


def refine(folder: Path, lines: list[str], bounds: tuple[int, int, float], **options: Any) -> Layout:
    source = folder / "a.jsonl"
    if not source.exists():
        source.write_text("\n".join(lines) + "\n", "utf-8")
    dj_assets.run_recipe(recipe(bounds), [source], folder / "out", workers=1, overwrite=True, **options)
    return Layout.output(folder / "out")


def outcomes_of(layout: Layout) -> tuple[dict[tuple[int, int], str], defaultdict[str, set[tuple[int, int]]]]:
    """Return what the tables say became of every sample that is not blank, and the places of every id."""
    with duckdb.connect(str(layout.database), read_only=True) as connection:
        ended = connection.execute(
            "SELECT shard, row, id, 'dropped by ' || operator || ': ' || reason FROM dropped UNION ALL "
            "SELECT shard, row, id, 'quarantined by ' || operator || ': ' || error FROM quarantine"
        ).fetchall()
        measured = connection.execute("SELECT shard, row, id FROM stats").fetchall()
    found = {(shard, row): "kept" for shard, row, _ in measured}
    found |= {(shard, row): outcome for shard, row, _, outcome in ended}
    places = defaultdict(set)
    for shard, row, id, *_ in [*measured, *ended]:
        places[id].add((shard, row))
    return found, places


@FEW
@given(CORPORA, BOUNDS)
def test_every_story_ends_as_the_tables_say(lines, bounds):
    with tempfile.TemporaryDirectory() as folder:
        layout = refine(Path(folder), lines, bounds)
        manifest, plan = newest_run(layout), make_plan(load_recipe(recipe(bounds)))
        told, places = outcomes_of(layout)
        assert len(told) == manifest.samples_in == sum(bool(line.strip()) for line in lines)
        assert Counter(told.values())["kept"] == manifest.samples_out
        for id, expected in places.items():
            traces = explain(plan, layout, manifest, id)
            assert {(trace.shard, trace.row): trace.outcome for trace in traces} == {at: told[at] for at in expected}
            for trace in traces:
                assert [step.operator for step in trace.steps if step.ended] == (
                    []
                    if trace.outcome == "kept" or " by load:" in trace.outcome
                    else [trace.outcome.split()[2].rstrip(":")]
                )
                assert bool(trace.kept_duplicate) == ("duplicate of" in trace.outcome)


@FEW
@given(CORPORA, BOUNDS, BOUNDS)
def test_a_difference_counts_what_the_tables_of_both_runs_say(lines, first, second):
    with tempfile.TemporaryDirectory() as folder:
        layout = refine(Path(folder), lines, first)
        before, manifest = outcomes_of(layout)[0], newest_run(layout)
        refine(Path(folder), lines, second)
        now = outcomes_of(layout)[0]
        later = newest_run(layout)
        if later.run_id == manifest.run_id:
            assert before == now
            return
        assert run_before(layout).run_id == manifest.run_id
        found = diff_runs(Run(layout, manifest), Run(layout, later), 100)
        gained = {at for at in now if now[at] == "kept" and before[at] != "kept"}
        lost = {at for at in now if now[at] != "kept" and before[at] == "kept"}
        assert (found.compared, found.kept_before, found.kept_now) == (
            len(now),
            list(before.values()).count("kept"),
            list(now.values()).count("kept"),
        )
        assert sum(change.gained for change in found.changes) == len(gained)
        assert sum(change.lost for change in found.changes) == len(lost)
        assert {moved.row for moved in found.examples if moved.gained} == {row for _, row in gained}
        assert {moved.row for moved in found.examples if not moved.gained} == {row for _, row in lost}


@FEW
@given(
    CORPORA,
    BOUNDS,
    st.sampled_from(["parquet", "jsonl"]),
    st.sampled_from(["jsonl", "jsonl.zst", "parquet", "webdataset"]),
    st.integers(1, 2_000),
)
def test_an_export_holds_what_was_refined_in_its_order(lines, bounds, refined, to: ExportFormat, shard_bytes):
    with tempfile.TemporaryDirectory() as folder:
        layout = refine(Path(folder), lines, bounds, format=refined)
        expected = [text for text in kept_texts(layout) if text is not None]
        done = Export(layout, Path(folder) / "export", to, shard_bytes).run()
        assert [record["text"] for record in read(Path(folder) / "export", to)] == expected
        assert done.samples == len(expected) == newest_run(layout).samples_out
        assert Export(layout, Path(folder) / "export", to, shard_bytes).run().written == 0


def kept_texts(layout: Layout) -> list[str]:
    with duckdb.connect(str(layout.database), read_only=True) as connection:
        return [
            text
            for (text,) in connection.execute(
                "SELECT text FROM read_parquet(?) c ANTI JOIN (SELECT shard, row FROM dropped UNION ALL "
                "SELECT shard, row FROM quarantine) e USING (row) ORDER BY row",
                [str(layout.published / "cleaned.parquet")],
            ).fetchall()
        ]
