from __future__ import annotations

import duckdb
import pytest

import dj_assets
from dj_assets.analysis.differences import differences
from dj_assets.analysis.explain import explain
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.documents import write_jsonl

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen"
RECORDS = [
    {"id": "first", "text": LONG},
    {"id": "second", "text": f"  {LONG}\u00a0fourteen"},
    {"id": "short", "text": "tiny\u00a0text"},
    {"id": "none", "text": None},
    {"id": "number", "text": 5},
]
PROCESS = [
    "whitespace_normalization_mapper",
    {"text_length_filter": {"min_len": 20, "max_len": 500}},
    {"document_simhash_deduplicator": {"window_size": 1, "hamming_distance": 16, "num_blocks": 17}},
]


@pytest.fixture(scope="module")
def trace_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    dj_assets.run_recipe({"process": PROCESS}, [write_jsonl(folder / "a.jsonl", RECORDS)], folder / "out")
    layout = Layout.output(folder / "out")
    manifest = newest_run(layout)
    plan = make_plan(load_recipe({"process": list(manifest.process), "text_keys": manifest.text_keys}))

    def tell(sample):
        (trace,) = explain(plan, layout, manifest, sample)
        return trace

    return tell


def test_a_kept_sample(trace_of):
    trace = trace_of("first")
    assert trace.outcome == "kept"
    assert (trace.shard, trace.row) == (0, 0)
    assert [step.summary for step in trace.steps] == [
        "changes nothing",
        f"text_len = {len(LONG)}, passes (min_len 20, max_len 500)",
        "computes the signature of the sample",
    ]
    assert trace.source.endswith("a.jsonl")
    assert not any(step.ended for step in trace.steps)


def test_a_dropped_sample_says_where_and_why(trace_of):
    trace = trace_of("short")
    assert trace.outcome == "dropped by text_length_filter: below min_len 20"
    assert trace.steps[0].details == ("…tiny[-\\u00a0-]{+ +}text…",)
    assert trace.steps[1].summary == "text_len = 9, fails (min_len 20, max_len 500)"
    assert [step.ended for step in trace.steps] == [False, True, False]


def test_a_duplicate_is_shown_with_its_kept_duplicate(trace_of):
    trace = trace_of("second")
    assert trace.outcome == "dropped by document_simhash_deduplicator: duplicate of first"
    head, *places = trace.kept_duplicate
    assert head == "the kept duplicate is first (shard 0, row 0; 2 samples in the cluster, distance 7)"
    assert any("{+ fourteen+}" in place for place in places)


def test_an_output_from_before_distances_were_kept(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", RECORDS)
    dj_assets.run_recipe({"process": PROCESS}, [source], tmp_path / "out", workers=1)
    layout = Layout.output(tmp_path / "out")
    with duckdb.connect(str(layout.database)) as connection:
        connection.execute("ALTER TABLE duplicates DROP COLUMN distance")
        connection.execute("ALTER TABLE duplicates DROP COLUMN against")
    plan = make_plan(load_recipe({"process": PROCESS}))
    (trace,) = explain(plan, layout, newest_run(layout), "second")
    assert trace.kept_duplicate[0] == "the kept duplicate is first (shard 0, row 0; 2 samples in the cluster)"


def test_what_loading_refused(trace_of):
    assert trace_of("none").outcome == "dropped by load: no text"
    assert trace_of("number").outcome.startswith("quarantined by load: the text is a number")


def test_an_unknown_id(trace_of):
    with pytest.raises(UserError, match="no sample has the id 'nobody'"):
        trace_of("nobody")


def test_differences_are_shown_with_their_surroundings():
    assert differences("a b c", "a b c") == []
    assert differences("a b c", "a x c") == ["…a [-b-]{+x+} c…"]
    many = differences(" ".join("abcdefghijkl"), " ".join("AbCdEfGhIjKl"), most=2)
    assert len(many) == 3
    assert many[-1] == "… and 4 more places"


def test_a_line_that_many_share_is_told(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"id": str(n), "text": f"menu\nown {n}"} for n in range(3)])
    lines = {"document_line_deduplicator": {"frequency_threshold": 2}}
    dj_assets.run_recipe({"process": [lines]}, [source], tmp_path / "out", workers=1)
    layout = Layout.output(tmp_path / "out")
    (trace,) = explain(make_plan(load_recipe({"process": [lines]})), layout, newest_run(layout), "1")
    assert [step.summary for step in trace.steps] == ["changes 1 places"]
