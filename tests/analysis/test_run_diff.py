from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.analysis.run_changes import changed_files, changed_models, changed_recipe, paired_files
from dj_assets.analysis.run_diff import FateChange, Moved, Run, diff_runs
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, run_named
from dj_assets.publish.outcomes import record_file
from dj_assets.views.diff_table import render_diff
from tests.documents import write_jsonl
from tests.manifests import manifest_of_test

TEXTS = ["tiny", "a text of good length", "a text of good length", "another text, a bit longer than that", None]
RECORDS = [{"id": f"s{n}", "text": text} for n, text in enumerate(TEXTS)]


def refine(inputs, output, low, high=100):
    process = [
        {"text_length_filter": {"min_len": low, "max_len": high}},
        {"document_simhash_deduplicator": {"tokenization": "character", "window_size": 2}},
    ]
    dj_assets.run_recipe({"process": process}, inputs, output, workers=1, overwrite=True)
    layout = Layout.output(output)
    return Run(layout, newest_run(layout))


def shown(before, now, diff):
    from rich.console import Console

    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(render_diff(before, now, diff), markup=False)
    return console.export_text()


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "a.jsonl", RECORDS)


def test_gained_and_lost_by_operator_and_reason(tmp_path, source):
    before = refine([source], tmp_path / "out", low=10)
    now = refine([source], tmp_path / "out", low=3, high=30)
    assert run_named(now.layout, "previous") == before.manifest
    diff = diff_runs(before, now)
    assert (diff.compared, diff.kept_before, diff.kept_now, diff.gained, diff.lost) == (5, 2, 2, 1, 1)
    assert (diff.only_before, diff.only_now) == (0, 0)
    assert diff.changes == (
        FateChange("text_length_filter", "above max_len", before=0, now=1, gained=0, lost=1),
        FateChange("text_length_filter", "below min_len", before=1, now=0, gained=1, lost=0),
    )
    assert [(moved.id, moved.gained, moved.reason) for moved in diff.examples] == [
        ("s3", False, "above max_len"),
        ("s0", True, "below min_len"),
    ]
    text = shown(before, now, diff)
    assert "text_length_filter: min_len 10 → 3" in text
    assert "5 samples are in both: 2 kept before, 2 kept now; 1 gained, 1 lost" in text


def test_the_older_run_is_known_though_its_files_were_replaced(tmp_path, source):
    runs = [refine([source], tmp_path / "out", low=low) for low in (1, 10, 30)]
    diff = diff_runs(runs[0], runs[1])
    assert diff.lost == 1
    assert diff.examples == (Moved("a.jsonl row 0", str(source), 0, False, "text_length_filter", "below min_len"),)


def test_a_sample_that_another_operator_ends_is_neither_gained_nor_lost(tmp_path, source):
    before = refine([source], tmp_path / "out", low=10)
    now = refine([source], tmp_path / "out", low=30)
    diff = diff_runs(before, now)
    assert FateChange("document_simhash_deduplicator", "duplicate", 1, 0, 0, 0) in diff.changes
    assert (diff.gained, diff.lost) == (0, 1)


def test_files_of_one_run_only_are_counted_apart(tmp_path, source):
    other = write_jsonl(tmp_path / "b.jsonl", [{"text": "a text of its own and long enough"}] * 3)
    before = refine([source], tmp_path / "one", low=10)
    now = refine([other, source], tmp_path / "two", low=10)
    diff = diff_runs(before, now)
    assert (diff.compared, diff.only_before, diff.only_now, diff.changes) == (5, 0, 3, ())
    assert changed_files(before.manifest, now.manifest) == ["only now: b.jsonl, 3 samples"]
    assert "3 samples were read now only" in shown(before, now, diff)


def test_shards_need_not_be_numbered_by_their_place(tmp_path, source):
    before, now = (refine([source], tmp_path / "out", low=low) for low in (10, 3))
    files = tuple(file.model_copy(update={"number": 7}) for file in now.manifest.files)
    table = pq.read_table(now.record)
    sevens = pa.array([7] * table.num_rows, pa.int32())
    pq.write_table(table.set_column(0, "shard", sevens).cast(table.schema), now.record)
    diff = diff_runs(before, Run(now.layout, now.manifest.model_copy(update={"files": files})))
    assert (diff.compared, diff.gained) == (5, 1)


def test_a_changed_file_is_not_compared(tmp_path, source):
    kept = write_jsonl(tmp_path / "kept.jsonl", RECORDS[:2])
    before = refine([source, kept], tmp_path / "out", low=10)
    write_jsonl(source, RECORDS[1:])
    now = refine([source, kept], tmp_path / "out", low=10)
    diff = diff_runs(before, now)
    assert (diff.compared, diff.only_before, diff.only_now) == (2, 5, 4)
    assert changed_files(before.manifest, now.manifest) == ["changed: a.jsonl, 5 samples"]


def test_runs_without_a_record_or_a_common_file_say_so(tmp_path, source):
    before = refine([source], tmp_path / "one", low=10)
    now = refine([write_jsonl(tmp_path / "b.jsonl", RECORDS[:1])], tmp_path / "two", low=10)
    with pytest.raises(UserError, match="read no file in common, so there is nothing to compare"):
        diff_runs(before, now)
    before.record.unlink()
    with pytest.raises(UserError, match="the run has no record of the outcomes of its samples"):
        diff_runs(before, now)


def test_what_changed_in_recipe_and_models():
    one, other = ({"name": "m", "sha256": digit * 64} for digit in "12")
    old = manifest_of_test(process=[{"a": {"x": 1}}, {"b": {}}], models=[one])
    new = manifest_of_test(process=[{"a": {"x": 2}}, {"c": {"y": 3}}], text_keys="body")
    assert changed_recipe(old, new) == ["a: x 1 → 2", "b: removed", "c: added (y 3)", "text_keys: text → body"]
    assert changed_recipe(old, old) == []
    assert changed_models(old, new) == ["m: removed"]
    assert changed_models(old, manifest_of_test(models=[other])) == ["m: 111111111111 → 222222222222"]


def test_files_of_one_content_are_paired_by_path_first(tmp_path, source):
    (file,) = refine([source], tmp_path / "out", low=10).manifest.files
    one, two, three = (file.model_copy(update={"path": path}) for path in ("one", "two", "three"))
    assert paired_files([one, two], [two, three]) == {1: 0, 0: 1}
    assert paired_files([one, one], [one]) == {0: 0}


def test_a_million_samples_take_seconds(tmp_path, source):
    runs = [refine([source], tmp_path / f"{low}", low=low) for low in (10, 3)]
    random = np.random.default_rng(1)
    for run in runs:
        path = record_file(run.layout, run.manifest.run_id)
        schema = pq.read_schema(path)
        many = [
            pa.array(np.zeros(1_000_000, np.int32)),
            pa.array(np.arange(1_000_000)),
            random.integers(0, 4, 1_000_000),
        ]
        table = pa.table([many[0], many[1], pa.array(many[2].astype(np.int16))], schema=schema)
        pq.write_table(table, path)
    started = time.perf_counter()
    diff = diff_runs(*runs)
    assert diff.compared == 1_000_000
    assert time.perf_counter() - started < 10
