"""Many small files are joined: the samples are those of the files, each names its own file, and a run stays quick."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.errors import SourceError
from dj_assets.home.home import output_layout
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sources.bundles import bundled
from dj_assets.sources.sources import resolve
from tests.documents import documents, write_jsonl

RECIPE = {
    "process": [
        "whitespace_normalization_mapper",
        {"text_length_filter": {"min_len": 20}},
        "document_deduplicator",
    ]
}
FILES = 130


def write_files(folder: Path, count: int = FILES) -> list[Path]:
    """Write small files: every third with a blank line and a broken one, some packed, some as one JSON array."""
    paths = []
    for number in range(count):
        records = documents(3, seed=number % 40, words=12)
        packed = ".gz" if number % 5 == 0 else ""
        path = write_jsonl(folder / f"f{number}.jsonl{packed}", records)
        if number % 3 == 1 and not packed:
            path.write_bytes(b'\n{"text": "broken\n' + path.read_bytes())
        if number % 7 == 2 and not packed:
            path.unlink()
            path = folder / f"f{number}.json"
            path.write_text(json.dumps(records, indent=1))
        paths.append(path)
    return paths


def tables(out: Path) -> dict[str, list[dict]]:
    """Return what a run published, without the numbers of files and rows."""
    names = ("stats", "dropped", "quarantine", "cleaned")
    rows = {name: pq.read_table(out / f"{name}.parquet").to_pylist() for name in names}
    parts = sorted((out / "refined").glob("*.parquet"))
    rows["refined"] = [row for part in parts for row in pq.read_table(part).to_pylist()]
    for each in rows.values():
        for row in each:
            row.pop("shard", None)
            row.pop("row", None)
    rows["quarantine"] = [
        row | {"error": row["error"].replace(f"{row['id'].rpartition(':')[0]}, ", "")} for row in rows["quarantine"]
    ]
    return rows


@pytest.fixture(scope="module")
def joined(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("joined")
    write_files(folder / "data")
    dj_assets.run_recipe(RECIPE, [folder / "data"], folder / "out", workers=1)
    return folder / "data", folder / "out"


def test_joined_files_give_the_samples_of_each(joined, tmp_path):
    data, out = joined
    files = sorted(data.iterdir(), key=lambda path: int(path.name[1:].partition(".")[0]))
    halves = files[:65], files[65:]
    # at most 100 files are read one by one
    for number, half in enumerate(halves):
        dj_assets.run_recipe({"process": RECIPE["process"][:2]}, half, tmp_path / f"{number}", workers=1)
    apart = [tables(tmp_path / f"{number}") for number in range(2)]
    dj_assets.run_recipe({"process": RECIPE["process"][:2]}, [data], tmp_path / "all", workers=1)
    together = tables(tmp_path / "all")
    assert len(list((tmp_path / "0/refined").iterdir())) == 65
    assert len(list((tmp_path / "all/refined").iterdir())) < 10
    for name, rows in together.items():
        assert rows == apart[0][name] + apart[1][name], name
    assert len(together["quarantine"]) > 20


def test_a_sample_of_joined_files_is_explained_by_its_own_file(joined):
    data, out = joined
    layout = output_layout(out)
    manifest = dj_assets.run_recipe(RECIPE, [data], out, workers=1).manifest
    plan = make_plan(load_recipe(RECIPE))
    dropped = pq.read_table(out / "dropped.parquet").to_pylist()
    for sample in (dropped[0]["id"], dropped[-1]["id"]):
        (trace,) = explain(plan, layout, manifest, sample)
        assert Path(trace.source).name == sample.rpartition(":")[0]
    kept = pq.read_table(sorted((out / "refined").iterdir())[-1])["__dj_id__"].to_pylist()[-1]
    (trace,) = explain(plan, layout, manifest, kept)
    assert trace.outcome == "kept"
    assert "no longer exists" not in " ".join(step.summary for step in trace.steps)


def test_a_changed_file_measures_its_bundle_again(tmp_path):
    paths = write_files(tmp_path / "data")
    options = {"workers": 1, "overwrite": True, "part_bytes": 5000}
    dj_assets.run_recipe(RECIPE, [tmp_path / "data"], tmp_path / "out", **options)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/.dj/stats").iterdir()}
    assert len(before) > 5
    write_jsonl(paths[-1], [{"text": "a text of its own that is long enough"}])
    result = dj_assets.run_recipe(RECIPE, [tmp_path / "data"], tmp_path / "out", **options)
    assert "a text of its own that is long enough" in [row["text"] for row in tables(tmp_path / "out")["refined"]]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/.dj/stats").iterdir()}
    assert sum(after.get(path) == time_ns for path, time_ns in before.items()) >= len(before) - 1
    assert dj_assets.run_recipe(RECIPE, [tmp_path / "data"], tmp_path / "out", **options).reused
    assert result.samples_in == result.samples_out + result.dropped + result.quarantined


def test_all_joined_files_that_cannot_be_read_are_told(tmp_path):
    paths = write_files(tmp_path / "data")
    for path in (paths[5], paths[10]):
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SourceError) as error:
        dj_assets.run_recipe(RECIPE, [tmp_path / "data"], tmp_path / "out", workers=1)
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [str(paths[5]), str(paths[10])]


def test_a_new_file_changes_one_bundle(tmp_path):
    for number in range(4000):
        (tmp_path / f"f{number}.jsonl").write_text("{}")
    before = bundled(resolve([tmp_path], tmp_path))
    (tmp_path / "f17b.jsonl").write_text("{}")
    after = bundled(resolve([tmp_path], tmp_path))
    assert sum(len(file.members) for file in before) == 4000
    assert len(before) > 3
    assert len(set(before) - set(after)) <= 1


def test_many_small_files_take_a_millisecond_each(tmp_path):
    (tmp_path / "data").mkdir()
    for number in range(3000):
        (tmp_path / f"data/f{number}.jsonl").write_text(f'{{"text": "a small file with the number {number}"}}\n')
    started = time.process_time()
    result = dj_assets.run_recipe(RECIPE, [tmp_path / "data"], tmp_path / "out", workers=1)
    assert result.samples_out == 3000
    # processor time of this process; it was 8 ms a file
    assert time.process_time() - started < 6
