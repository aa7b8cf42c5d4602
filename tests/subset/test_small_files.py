"""Many small files are joined: the samples are those of the files, each names its own file, and a run stays quick."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.errors import SourceError
from dj_assets.home.home import output_layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sources import bundles
from dj_assets.sources.bundles import bundled
from dj_assets.sources.sources import resolve
from dj_assets.subset import inputs
from dj_assets.subset.finished import files_as_read
from tests.documents import documents, write_jsonl
from tests.media import made

RECIPE = {
    "process": [
        "whitespace_normalization_mapper",
        {"text_length_filter": {"min_len": 20}},
        "document_deduplicator",
    ]
}
FILES = 130
FEW = 44


def write_files(folder: Path, count: int = FILES) -> list[Path]:
    """Write small files: some with a blank line and a broken one, packed, without a last line end, as a JSON array."""
    paths = []
    for number in range(count):
        records = documents(3, seed=number % 40, words=12)
        packed = ".gz" if number % 5 == 0 else ""
        path = write_jsonl(folder / f"f{number}.jsonl{packed}", records)
        if number % 3 == 1 and not packed:
            path.write_bytes(b'\n{"text": "broken\n' + path.read_bytes())
        if number % 4 == 3 and not packed:
            path.write_bytes(path.read_bytes().rstrip())
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


def both(recipe: dict, data: list[Path], tmp_path: Path, monkeypatch, **options) -> tuple[dict, int, int]:
    """Run over joined files, and file by file; return what the first published, once it is the same, and the parts."""
    monkeypatch.setattr(bundles, "_MANY_FILES", 10)
    dj_assets.run_recipe(recipe, data, tmp_path / "joined", workers=1, **options)
    monkeypatch.setattr(bundles, "_MANY_FILES", 10**6)
    dj_assets.run_recipe(recipe, data, tmp_path / "apart", workers=1)
    together, apart = (tables(tmp_path / name) for name in ("joined", "apart"))
    for name, rows in together.items():
        assert rows == apart[name], name
    schemas = [
        {pq.read_schema(part).to_string() for part in (tmp_path / name / "refined").iterdir()}
        for name in ("joined", "apart")
    ]
    assert schemas[0] == schemas[1]
    assert len(schemas[0]) == 1
    return together, *(len(list((tmp_path / name / "refined").iterdir())) for name in ("joined", "apart"))


def test_joined_files_give_the_samples_of_each(joined, tmp_path, monkeypatch):
    rows, few, many = both(RECIPE, sorted(joined[0].iterdir())[:FEW], tmp_path, monkeypatch)
    assert len(rows["quarantine"]) > 8
    assert (few < 4, many) == (True, FEW)


def write_cells(folder: Path, number: int) -> None:
    """Write a file of cells: some packed, with another header, with an open quote, without an id, without rows."""
    delimiter = "\t" if number > 34 else ","
    ending = "tsv" if number > 34 else "csv"
    columns = ["id", "text", "n"] if number // 10 % 2 else ["text", "n"]
    rows = [[f"a{number}-{n}", f"{'text' * 6} {n} {number % 50}\nof a cell", str(n)][-len(columns) :] for n in range(3)]
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in [columns, *(rows if number % 9 else [])]]
    if number % 7 == 1:
        lines += ["", f'"open {delimiter}x', delimiter.join(["y"] * (len(columns) + 1))]
    content = ("\ufeff" * (number % 3 == 0) + "\n".join(lines)).encode()
    packed = number % 5 == 0
    path = folder / f"f{number}.{ending}{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(content) if packed else content)


def write_table(folder: Path, number: int) -> None:
    """Write a Parquet file: some with other columns, metadata or types, with bytes that are no UTF-8, without rows."""
    count = 0 if number % 9 == 3 else 3
    texts = [f"{'text' * 6} {number % 50} and {n}".encode() for n in range(count)]
    if number % 7 == 1 and texts:
        texts[1] = b"\xff"
    table = pa.table({"text": texts, "n": pa.array(range(count), pa.int32())})
    if number // 10 % 2:
        table = table.append_column("id", pa.array([f"{number}-{n}" for n in range(count)]))
        table = table.append_column("tag", pa.array(["x"] * count).dictionary_encode() if number > 34 else table["n"])
    metadata = {"rows": f"{count}", "same": "same"} if number % 4 == 0 else {"same": "same"}
    pq.write_table(table.replace_schema_metadata(metadata), folder / f"f{number}.parquet")


@pytest.mark.parametrize("write", [write_cells, write_table])
@pytest.mark.parametrize("composed", [False, True])
def test_joined_tables_give_the_samples_of_each(write, composed, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    for number in range(FEW):
        write(tmp_path / "data", number)
    recipe = RECIPE
    if composed:
        source = {"path": str(tmp_path / "data"), "text_key": "text"}
        recipe = RECIPE | {"text_keys": "content", "asset": {"subset": "notes", "group": "mine", "source": source}}
    rows, few, many = both(recipe, [tmp_path / "data"], tmp_path, monkeypatch)
    assert len(rows["refined"]) > 90
    assert len(rows["quarantine"]) > 4
    assert (few < 20, many) == (True, FEW)
    sample = rows["refined"][-1]["__dj_id__"]
    plan, layout = make_plan(load_recipe(recipe)), output_layout(tmp_path / "joined")
    files = inputs.files_of(plan.recipe, [tmp_path / "data"])
    (trace,) = explain(plan, layout, newest_run(layout), sample, files=files)
    assert trace.outcome == "kept"
    assert Path(trace.source).name == f"f{FEW - 1}.{'tsv' if write is write_cells else 'parquet'}"
    assert "no longer exists" not in " ".join(step.summary for step in trace.steps)


def test_a_cut_of_joined_files_names_the_sample_where_the_sentence_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "_MANY_FILES", 10)
    (tmp_path / "data").mkdir()
    shared = "This is the one sentence that two of them share."
    for number in range(FEW):
        text = f"{shared} And {number}." if number in {3, 9} else f"A text of its own, number {number}."
        (tmp_path / f"data/f{number:03d}.jsonl").write_text(json.dumps({"id": f"{number}", "text": text}))
    recipe = {"process": [{"document_sentence_deduplicator": {"num_sentences": 1}}]}
    result = dj_assets.run_recipe(recipe, [tmp_path / "data"], tmp_path / "out", workers=1)
    assert len(result.manifest.files) < FEW
    files = files_as_read(result.manifest)
    plan, layout = make_plan(load_recipe(recipe)), output_layout(tmp_path / "out")
    details = [explain(plan, layout, result.manifest, name, files=files)[0].steps[0].details for name in ("3", "9")]
    assert [any("cuts" in line for line in lines) for lines in details] == [False, True]
    assert details[1][-1] == f"cuts {shared!r}, which stays in 3"


def test_joined_files_find_their_images(tmp_path, monkeypatch):
    for number in range(FEW):
        folder = tmp_path / f"data/{number // 14}"
        folder.mkdir(parents=True, exist_ok=True)
        image = made.image(folder / "a.png", 20 + number // 14, 30)
        record = {"text": f"{number}", "images": [image.name] if number % 9 else ["no.png"]}
        (folder / f"f{number}.jsonl").write_text(json.dumps(record))
    process = [{"image_shape_filter": {"min_width": 22}}]
    rows, few, many = both({"process": process}, [tmp_path / "data"], tmp_path, monkeypatch)
    assert [row["id"] for row in rows["stats"]] == [f"f{number}.jsonl:0" for number in range(FEW)]
    assert len(rows["refined"]) == 15
    assert {row["error"].partition(" (looked for ")[0] for row in rows["quarantine"]} == {"no.png: no such file"}
    assert (4 <= few < 8, many) == (True, FEW)


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
