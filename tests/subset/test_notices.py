"""What a run could not read is named: files of folders, records of a reference set, several broken files at once."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.assets.result_metadata import notices
from dj_assets.errors import SourceError, UserError
from tests.documents import write_jsonl
from tests.paths import ROOT

RECIPE = {"process": ["document_deduplicator"]}


def test_files_of_a_folder_that_are_not_read_are_named(tmp_path):
    data = tmp_path / "data"
    write_jsonl(data / "a.jsonl", [{"text": "one"}])
    for name in ("b.jsonl.xz", "deep/c.gzip", ".hidden", "image.jpg", "clip.mp4"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).touch()
    result = dj_assets.run_recipe(RECIPE, [data], tmp_path / "out", workers=1)
    (notice,) = result.manifest.notices
    assert notice.startswith("2 files of the folders are not read, by the ending of the name: ")
    assert notice.endswith(f"{data / 'b.jsonl.xz'}, {data / 'deep/c.gzip'}")
    assert json.loads((tmp_path / "out/run.json").read_text())["notices"] == [notice]
    assert "b.jsonl.xz" in (tmp_path / "out/report.html").read_text()
    assert "b.jsonl.xz" in notices(result.manifest)["notices"].value
    alone = dj_assets.run_recipe(RECIPE, [data / "a.jsonl"], tmp_path / "o2", workers=1).manifest
    assert (alone.notices, notices(alone)) == ((), {})


def test_empty_files_that_cannot_be_whole_are_named(tmp_path):
    names = ("a.parquet", "b.jsonl.gz", "c.jsonl", "d.csv")
    for name in names:
        (tmp_path / name).touch()
    inputs = [write_jsonl(tmp_path / "z.jsonl", [{"text": "one"}]), *(tmp_path / name for name in names)]
    result = dj_assets.run_recipe(RECIPE, inputs, tmp_path / "out", workers=1)
    (notice,) = result.manifest.notices
    assert notice.startswith("2 files have 0 bytes, which no whole file of this kind has; fetch again: ")
    assert notice.endswith(f"{tmp_path / 'a.parquet'}, {tmp_path / 'b.jsonl.gz'}")


def test_columns_in_the_names_of_folders_are_named(tmp_path):
    for year in (2019, 2020):
        write_jsonl(tmp_path / f"data/year={year}/lang=en/a.jsonl", [{"text": f"one of {year}"}])
    result = dj_assets.run_recipe(RECIPE, [tmp_path / "data"], tmp_path / "out", workers=1)
    assert result.manifest.notices == (
        "the names of folders hold values, such as year=2019; no column is made of them: year, lang",
    )


def test_records_of_a_reference_set_that_cannot_be_read_are_named(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "one"}, {"text": "two"}])
    (tmp_path / "test.jsonl").write_bytes(b'{"text": "one"}\n{"text": "two"\n{"text": null}\n')
    result = dj_assets.run_recipe(RECIPE, [source], tmp_path / "out", against=[tmp_path / "test.jsonl"], workers=1)
    assert result.samples_out == 1
    (notice,) = result.manifest.notices
    assert notice.startswith("2 of 3 records of the reference set test.jsonl could not be read, so their duplicates ")
    assert "test.jsonl:1: broken JSON" in notice
    assert "test.jsonl:2: no text" in notice


def test_all_files_that_cannot_be_read_are_told_at_once(tmp_path):
    data = tmp_path / "data"
    for number in range(4):
        write_jsonl(data / f"{number}.jsonl", [{"text": f"text {number} {n}"} for n in range(500)])
        packed = gzip.compress((data / f"{number}.jsonl").read_bytes())
        (data / f"{number}.jsonl").unlink()
        (data / f"{number}.jsonl.gz").write_bytes(packed if number % 2 else packed[:-100])
    with pytest.raises(SourceError) as error:
        dj_assets.run_recipe(RECIPE, [data], tmp_path / "out", workers=1)
    lines = str(error.value).splitlines()
    assert [Path(line.partition(":")[0]).name for line in lines] == ["0.jsonl.gz", "2.jsonl.gz"]
    assert not (tmp_path / "out/refined").exists()
    measured = {path.name for path in (tmp_path / "out/.dj").glob("stats/*.parquet")}
    assert measured == {"00001.parquet", "00003.parquet"}


def test_two_names_of_one_file_are_two_files(tmp_path):
    write_jsonl(tmp_path / "blobs/3f2a", [{"text": "one"}])
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (data / name).symlink_to(tmp_path / "blobs/3f2a")
    result = dj_assets.run_recipe(RECIPE, [data], tmp_path / "out", workers=1)
    assert (result.samples_in, result.samples_out) == (2, 1)
    (notice,) = result.manifest.notices
    assert notice.startswith("one file has 2 names")


def test_an_output_folder_inside_an_input_folder_is_refused(tmp_path):
    write_jsonl(tmp_path / "data/a.jsonl", [{"text": "one"}])
    with pytest.raises(UserError, match=r"out: is inside the input folder .*data, so the next run would read"):
        dj_assets.run_recipe(RECIPE, [tmp_path / "data"], tmp_path / "data/deep/out")
    assert not (tmp_path / "data/deep").exists()


def test_the_reference_set_has_a_text_key_of_its_own(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "one"}, {"text": "two"}])
    test_set = write_jsonl(tmp_path / "test.jsonl", [{"question": "one", "answer": "1"}])
    with pytest.raises(SourceError, match=r"no record has the key 'text' \(keys seen: .*; .*--against-text-key"):
        dj_assets.run_recipe(RECIPE, [source], tmp_path / "out", against=[test_set], workers=1)
    options = {"against": [test_set], "against_text_key": "question", "workers": 1}
    result = dj_assets.run_recipe(RECIPE, [source], tmp_path / "o2", **options)
    assert (result.samples_out, result.manifest.against.dropped) == (1, 1)


def test_the_longest_record_is_a_setting(tmp_path, monkeypatch):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "x" * 1_500_000}, {"text": "two"}])
    monkeypatch.setenv("DJ_MAX_RECORD_MB", "1")
    first = dj_assets.run_recipe(RECIPE, [source], tmp_path / "out", workers=1)
    assert (first.samples_out, first.quarantined) == (1, 1)
    monkeypatch.setenv("DJ_MAX_RECORD_MB", "2")
    second = dj_assets.run_recipe(RECIPE, [source], tmp_path / "out", workers=1, overwrite=True)
    assert (second.samples_out, second.quarantined) == (2, 0)


def test_a_console_that_cannot_show_a_name_does_not_end_a_run(tmp_path):
    (tmp_path / "grün.yaml").write_text("project_name: größer\nprocess:\n  - document_deduplicator:\n", "utf-8")
    source = write_jsonl(tmp_path / "ä.jsonl", [{"text": "one"}])
    command = [sys.executable, "-m", "dj_assets.cli", "run", "grün.yaml", "--input", source.name, "--output", "öut"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert r"gr\xf6\xdfer: 1 in = 1 kept" in done.stdout


def test_files_of_the_same_content_keep_the_names_of_their_samples(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        write_jsonl(tmp_path / "data" / name, [{"text": "one"}])
    recipe = {"process": [{"text_length_filter": {"min_len": 1}}]}
    result = dj_assets.run_recipe(recipe, [tmp_path / "data"], tmp_path / "out", workers=1)
    assert [pq.read_table(part)["__dj_id__"].to_pylist() for part in result.refined] == [["a.jsonl:0"], ["b.jsonl:0"]]
