"""What a run could not read is named: files of folders, records of a reference set, several broken files at once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import dj_assets
from dj_assets.errors import SourceError
from tests.documents import write_jsonl

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
    assert dj_assets.run_recipe(RECIPE, [data / "a.jsonl"], tmp_path / "o2", workers=1).manifest.notices == ()


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
