from __future__ import annotations

import json
import os
import time
from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import MissingModelError, SourceError, UserError
from dj_assets.home.layout import Layout
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import Options, Subset
from dj_assets.subset.locks import whole_subset
from tests.documents import documents, write_jsonl

SIMHASH = {"document_simhash_deduplicator": {"window_size": 3}}
PROCESS = [
    "whitespace_normalization_mapper",
    {"text_length_filter": {"min_len": 20}},
    {"alphanumeric_filter": {"min_ratio": 0.7}},
    {"special_characters_filter": {"max_ratio": 0.25}},
    SIMHASH,
]


def recipe(*process, **more):
    return {"process": list(process) or PROCESS, **more}


def rows(path: Path) -> list[dict]:
    return ds.dataset(path, format="parquet").to_table().to_pylist()


def contents(output: Path) -> dict:
    """Return everything a run says, without times and run ids."""
    funnel = [
        {k: v for k, v in step.items() if k != "seconds"} for step in json.loads((output / "funnel.json").read_text())
    ]
    tables = {name: rows(output / f"{name}.parquet") for name in ("stats", "cleaned", "dropped", "quarantine")}
    refined = {part.name: pq.read_table(part).to_pylist() for part in sorted((output / "refined").iterdir())}
    return {"funnel": funnel, "refined": refined, **tables}


def test_a_run_writes_what_the_readme_promises(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl.gz", documents(200))
    result = dj_assets.run_recipe(recipe(), [source], tmp_path / "out")
    assert result.samples_in == 200 == result.samples_out + result.dropped + result.quarantined
    out = tmp_path / "out"
    for name in (
        "stats.parquet",
        "cleaned.parquet",
        "dropped.parquet",
        "quarantine.parquet",
        "funnel.json",
        "run.json",
    ):
        assert (out / name).exists()
    kept = rows(out / "refined/part-00000.parquet")
    assert [list(row) for row in kept[:1]] == [["__dj_id__", "text", "meta"]]
    assert len(kept) == result.samples_out
    dropped = rows(out / "dropped.parquet")
    assert len(dropped) == result.dropped
    by_load = [row for row in dropped if row["operator"] == "load"]
    assert by_load
    assert {row["reason"] for row in by_load} == {"no text"}
    duplicate = next(row for row in dropped if row["kept_id"])
    texts = {row["id"]: row["text"] for row in rows(out / "cleaned.parquet")}
    assert texts[duplicate["id"]] == texts[duplicate["kept_id"]]
    assert duplicate["reason"] == f"duplicate of {duplicate['kept_id']}"
    short = next(row for row in dropped if row["operator"] == "text_length_filter")
    assert short["reason"] == "below min_len 20"
    assert short["value"] < 20


def test_the_database_holds_the_same(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(150))
    result = dj_assets.run_recipe(recipe(), [source], tmp_path / "out")
    with duckdb.connect(str(result.database), read_only=True) as connection:

        def one(query):
            return connection.execute(query).fetchone()[0]

        tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
        assert tables == {"stats", "dropped", "duplicates", "quarantine", "funnel", "runs"}
        loaded = one("SELECT count(*) FROM dropped WHERE operator = 'load'")
        assert one("SELECT count(*) FROM stats") + loaded == 150
        assert one("SELECT count(*) FROM dropped") == result.dropped
        assert one("SELECT min(cluster_size) FROM duplicates") >= 2
        assert one("SELECT samples_out FROM funnel ORDER BY step DESC LIMIT 1") == result.samples_out
        assert one("SELECT run_id FROM runs") == result.run_id


def test_one_worker_and_three_give_the_same(tmp_path):
    sources = [write_jsonl(tmp_path / f"part-{n}.jsonl", documents(300, seed=n)) for n in range(2)]
    for workers in (1, 3):
        dj_assets.run_recipe(recipe(), sources, tmp_path / f"out{workers}", workers=workers)
    assert contents(tmp_path / "out1") == contents(tmp_path / "out3")


def test_small_batches_give_the_same(tmp_path, monkeypatch):
    source = write_jsonl(tmp_path / "a.jsonl", documents(200))
    dj_assets.run_recipe(recipe(), [source], tmp_path / "large")
    monkeypatch.setattr("dj_assets.settings.BATCH_BYTES", 700)
    dj_assets.run_recipe(recipe(), [source], tmp_path / "small")
    assert contents(tmp_path / "large") == contents(tmp_path / "small")


def test_deduplication_first_sees_the_raw_text(tmp_path):
    texts = ["a b c d e f", "a\u00a0b c d e f", "a b c d e f"]
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    first = dj_assets.run_recipe(recipe(SIMHASH, "whitespace_normalization_mapper"), [source], tmp_path / "first")
    last = dj_assets.run_recipe(recipe("whitespace_normalization_mapper", SIMHASH), [source], tmp_path / "last")
    assert (first.samples_out, last.samples_out) == (2, 1)


def test_a_duplicate_counts_only_among_the_living(tmp_path):
    texts = ["a b c d e f " + "!" * 30, "a b c d e f"]
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    strip = {"document_simhash_deduplicator": {"window_size": 3, "ignore_pattern": "[ ]*!+"}}
    alnum = {"alphanumeric_filter": {"min_ratio": 0.4}}
    after = dj_assets.run_recipe(recipe(alnum, strip), [source], tmp_path / "after")
    before = dj_assets.run_recipe(recipe(strip, alnum), [source], tmp_path / "before")
    assert [row["__dj_id__"] for row in rows(after.refined[0])] == ["a.jsonl:1"]
    assert before.samples_out == 0


def test_a_new_threshold_measures_nothing_anew(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(400))
    layout = Layout.home(tmp_path / "home")

    def run(min_ratio):
        process = recipe({"alphanumeric_filter": {"min_ratio": min_ratio}}, SIMHASH)
        subset = Subset(load_recipe(process), [source], layout, Options(workers=1))
        return subset.measure(), subset.deduplicate(), subset.refine()

    measured, _, loose = run(0.1)
    assert (measured.files_measured, measured.files_reused) == (1, 0)
    written = layout.measured("stats", 0).stat().st_mtime_ns
    again, _, strict = run(0.87)
    assert (again.files_measured, again.files_reused) == (0, 1)
    assert layout.measured("stats", 0).stat().st_mtime_ns == written
    assert strict.samples_out < loose.samples_out
    assert again.data_version == measured.data_version
    assert strict.data_version != loose.data_version


def test_the_same_run_again_is_up_to_date(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(50))
    first = dj_assets.run_recipe(recipe(), [source], tmp_path / "out")
    again = dj_assets.run_recipe(recipe(), [source], tmp_path / "out")
    assert (first.reused, again.reused) == (False, True)
    assert first.run_id == again.run_id
    assert first.seconds == sum(first.manifest.seconds.values()) != again.seconds
    os.utime(source, (1, 1))
    assert dj_assets.run_recipe(recipe(), [source], tmp_path / "out").reused
    write_jsonl(source, documents(50, seed=8))
    assert not dj_assets.run_recipe(recipe(), [source], tmp_path / "out").reused


def test_another_run_in_a_used_folder_is_refused(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(50))
    dj_assets.run_recipe(recipe(), [source], tmp_path / "out")
    other = recipe({"text_length_filter": {"min_len": 1}})
    with pytest.raises(
        UserError, match="in use by another run or other files; choose a new folder or pass --overwrite"
    ):
        dj_assets.run_recipe(other, [source], tmp_path / "out")
    assert len(dj_assets.run_recipe(other, [source], tmp_path / "out", overwrite=True).funnel) == 1
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/thesis.tex").touch()
    with pytest.raises(UserError, match="in use"):
        dj_assets.run_recipe(other, [source], tmp_path / "foreign")


def test_limit_reads_only_the_first_records_over_all_files(tmp_path):
    sources = [write_jsonl(tmp_path / f"{n}.jsonl", documents(30, seed=n)) for n in range(3)]
    result = dj_assets.run_recipe(recipe(), sources, tmp_path / "out", limit=40)
    assert result.samples_in == 40
    assert [part.name for part in result.refined] == ["part-00000.parquet", "part-00001.parquet"]


def test_jsonl_comes_back_as_it_was_but_for_the_text(tmp_path):
    record = {
        "meta": {"b": 1, "a": [1, {"c": None}]},
        "id": 7,
        "text": " some text here ",
        "n": 12345678901234567890123,
    }
    source = write_jsonl(tmp_path / "a.jsonl", [record])
    result = dj_assets.run_recipe(recipe("whitespace_normalization_mapper"), [source], tmp_path / "out", format="jsonl")
    assert json.loads(result.refined[0].read_text()) == record | {"text": "some text here"}


def test_the_text_key_of_the_recipe(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"content": "x" * 30, "text": "other"}])
    result = dj_assets.run_recipe(recipe("text_length_filter", text_keys="content"), [source], tmp_path / "out")
    assert rows(result.refined[0]) == [{"__dj_id__": "a.jsonl:0", "content": "x" * 30, "text": "other"}]
    with pytest.raises(SourceError, match=r"no record has the key 'body' \(keys seen: content, text\); .*'text_keys'"):
        dj_assets.run_recipe(recipe("text_length_filter", text_keys="body"), [source], tmp_path / "out2")


def test_an_operator_with_a_text_key_of_its_own(tmp_path):
    records = [
        {"text": "kept as it is ", "meta": {"title": " A title "}, "n": 1},
        {"text": "no title here", "meta": {}, "n": 2},
        {"text": "a long title", "meta": {"title": "x" * 50}, "n": 3},
    ]
    process = recipe(
        {"whitespace_normalization_mapper": {"text_key": "meta.title"}},
        {"text_length_filter": {"text_key": "meta.title", "min_len": 1, "max_len": 10}},
        {"text_length_filter": {"text_key": "text", "max_len": 14}},
    )
    result = dj_assets.run_recipe(process, [write_jsonl(tmp_path / "a.jsonl", records)], tmp_path / "out")
    kept = [{"__dj_id__": "a.jsonl:0", "text": "kept as it is ", "meta": {"title": "A title"}, "n": 1}]
    assert rows(result.refined[0]) == kept
    (missing,) = rows(tmp_path / "out/quarantine.parquet")
    assert missing["error"] == "SampleError: no text under the key 'meta.title'"
    assert [row["text_len"] for row in rows(tmp_path / "out/stats.parquet")] == [7, None, 50]


def test_an_empty_file_is_an_empty_subset(tmp_path):
    (tmp_path / "a.jsonl").touch()
    result = dj_assets.run_recipe(recipe(), [tmp_path / "a.jsonl"], tmp_path / "out")
    assert (result.samples_in, result.samples_out, result.retention) == (0, 0, 0.0)
    assert rows(tmp_path / "out/stats.parquet") == []


def test_a_missing_model_is_found_before_any_data_is_read(tmp_path):
    with pytest.raises(MissingModelError) as caught:
        dj_assets.run_recipe(recipe({"perplexity_filter": {"lang": "ja"}}), ["gone.jsonl"], tmp_path / "out")
    message = str(caught.value)
    assert message.startswith("<dict>: process[0]: perplexity_filter: model 'ja.sp.model' is missing (looked in ")
    assert "dj-assets models pull ja.sp.model" in message


def test_bad_samples_are_quarantined_and_the_rest_lives(tmp_path):
    lines = [b'{"text": "' + b"good text " * 5 + b'"}'] * 3
    lines[1:1] = [b'{"text": "broken', b'{"text": "\xff"}', b'{"text": 5}', b"", b"[1]", b'{"text": "\\ud800 lone"}']
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    result = dj_assets.run_recipe(
        recipe({"text_length_filter": {"min_len": 1}}), [tmp_path / "a.jsonl"], tmp_path / "o"
    )
    assert (result.samples_in, result.samples_out, result.quarantined) == (8, 3, 5)
    errors = {row["id"]: row["error"] for row in rows(tmp_path / "o/quarantine.parquet")}
    assert set(errors) == {f"a.jsonl:{n}" for n in (1, 2, 3, 5, 6)}
    assert all("byte" in error and "line" in error for error in errors.values()), errors


def test_two_runs_of_one_folder_do_not_meet(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(10))
    subset = Subset(load_recipe(recipe()), [source], Layout.home(tmp_path / "home"), Options())
    with whole_subset(subset.layout), pytest.raises(UserError, match="another run is at work there"):
        Subset(load_recipe(recipe()), [source], Layout.home(tmp_path / "home"), Options()).measure()


def test_a_reader_that_keeps_the_database_open_blocks_nobody(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(60))
    first = dj_assets.run_recipe(recipe(), [source], tmp_path / "out")
    with duckdb.connect(str(first.database), read_only=True) as held:
        before = held.execute("SELECT count(*) FROM dropped").fetchone()
        strict = recipe({"alphanumeric_filter": {"min_ratio": 0.99}})
        second = dj_assets.run_recipe(strict, [source], tmp_path / "out", overwrite=True)
        assert held.execute("SELECT count(*) FROM dropped").fetchone() == before
    assert second.dropped != first.dropped


def test_progress_is_told(tmp_path):
    seen = []
    source = write_jsonl(tmp_path / "a.jsonl", documents(100))
    dj_assets.run_recipe(recipe(), [source], tmp_path / "out", report=seen.append)
    assert seen[-1].rows == sum(1 for record in documents(100) if record["text"] is not None)
    assert seen[-1].file_bytes == seen[-1].total_file_bytes == source.stat().st_size
    assert "samples/s" in str(seen[-1])
    assert "MB/s" in str(seen[-1])


def test_import_is_light():
    started = time.perf_counter()
    assert dj_assets.__version__
    assert time.perf_counter() - started < 0.5
