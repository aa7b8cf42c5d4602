"""A comparison of two folders must find every planted difference, and nothing between two runs of the same code."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from benchmarks.compare_outputs import Compared, compare, files_of, main, table
from tests.documents import documents, write_jsonl

RECIPE = {"process": [{"text_length_filter": {"min_len": 20}}, {"document_simhash_deduplicator": {"window_size": 3}}]}


def run(folder: Path) -> None:
    """Run the recipe into an output folder; its `.dj` has the files that a subset has in a data home."""
    source = [write_jsonl(folder / f"source/part-{n}.jsonl", documents(60, seed=n)) for n in range(2)]
    source[0].write_bytes(source[0].read_bytes() + b'{"text": "broken\n')
    dj_assets.run_recipe(RECIPE, source, folder / "out", workers=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    folders = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    for folder in folders:
        run(folder)
    return folders


@pytest.fixture
def changed(runs, tmp_path) -> Path:
    return Path(shutil.copytree(runs[1], tmp_path / "changed"))


def different(old: Path, new: Path) -> dict[str, str]:
    return {result.name: result.difference for result in compare(old, new) if result.outcome == "different"}


def rewrite(path: Path, change: Callable[[list[dict]], list[dict]]) -> None:
    before = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(before.to_pylist()), before.schema), path)


def test_two_runs_of_the_same_code_are_equal(runs, capsys, monkeypatch):
    results = compare(*runs)
    assert {result.outcome for result in results} == {"bytes", "content"}
    by_bytes = {result.name for result in results if result.outcome == "bytes"}
    by_content = {result.name for result in results if result.outcome == "content"}
    assert {"out/refined/part-00000.parquet", "out/.dj/cleaned/00001.parquet"} <= by_bytes
    assert {
        "out/stats.duckdb:duplicates",
        "out/.dj/runs/run 1.json",
        "out/run.json",
        "out/report.html",
    } <= by_content
    counted = {result.kind for result in results}
    assert counted > {"refined", "stats", "dropped", "duplicates", "quarantine", "cleaned", "funnel"}
    monkeypatch.setattr(sys, "argv", ["compare_outputs", *map(str, runs)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert f"| all | {len(results)} | {len(by_bytes)} | {len(by_content)} | 0 |" in capsys.readouterr().out


def test_other_bytes_with_the_same_rows_are_equal_by_content(runs, changed):
    path = changed / "out/refined/part-00000.parquet"
    pq.write_table(pq.read_table(path), path, compression="gzip")
    results = {result.name: result.outcome for result in compare(runs[0], changed)}
    assert results["out/refined/part-00000.parquet"] == "content"
    assert "different" not in results.values()


def test_a_changed_value_is_found_with_its_column(runs, changed, capsys, monkeypatch):
    def longer(rows: list[dict]) -> list[dict]:
        return [{**row, "text_len": row["text_len"] + 1} if row["row"] == 7 else row for row in rows]

    rewrite(changed / "out/.dj/stats/00001.parquet", longer)
    ((name, difference),) = different(runs[0], changed).items()
    assert name == "out/.dj/stats/00001.parquet"
    length = pq.read_table(runs[0] / name, columns=["row", "text_len"]).to_pylist()[7]["text_len"]
    assert difference.endswith(f"first text_len {length} in OLD, {length + 1} in NEW")
    assert difference.startswith("1 of ")
    monkeypatch.setattr(sys, "argv", ["compare_outputs", str(runs[0]), str(changed)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert f"{name}: {difference}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["out/refined/part-00001.parquet", "out/dropped.parquet", "out/.dj/cleaned/00000.parquet"]
)
def test_a_missing_row_is_found(runs, changed, name):
    rows = pq.read_table(changed / name).num_rows
    rewrite(changed / name, lambda rows: rows[:3] + rows[4:])
    ((changed_file, difference),) = different(runs[0], changed).items()
    assert changed_file == name
    assert difference.startswith(f"1 of {rows} rows only in OLD, 0 of {rows - 1} only in NEW; first {{")


def test_rows_in_another_order_are_found(runs, changed):
    rewrite(changed / "out/stats.parquet", lambda rows: rows[::-1])
    assert different(runs[0], changed) == {"out/stats.parquet": "the same rows in another order"}


def test_another_type_of_a_column_is_found(runs, changed):
    path = changed / "out/stats.parquet"
    wide = pq.read_table(path)
    place = wide.schema.get_field_index("text_len")
    pq.write_table(wide.set_column(place, "text_len", wide["text_len"].cast(pa.float64())), path)
    kind = wide.schema.field("text_len").type
    assert different(runs[0], changed) == {"out/stats.parquet": f"columns.text_len: '{kind}' in OLD, 'double' in NEW"}


@pytest.mark.parametrize("name", ["out/refined/part-00000.parquet", "out/stats.duckdb", "out/funnel.json"])
def test_a_missing_file_is_found_on_either_side(runs, changed, name):
    (changed / name).unlink()
    assert different(runs[0], changed) == {name: "missing in NEW"}
    assert different(changed, runs[0]) == {name: "missing in OLD"}


def test_a_row_of_a_table_in_the_database_is_found(runs, changed):
    with duckdb.connect(str(changed / "out/stats.duckdb")) as connection:
        connection.execute("UPDATE duplicates SET cluster_size = 77 WHERE row = (SELECT min(row) FROM duplicates)")
        connection.execute("DROP TABLE quarantine")
    results = different(runs[0], changed)
    assert list(results) == ["out/stats.duckdb:duplicates", "out/stats.duckdb:quarantine"]
    assert "77 in NEW" in results["out/stats.duckdb:duplicates"]
    assert results["out/stats.duckdb:quarantine"] == "missing in NEW"


@pytest.mark.parametrize(
    ("name", "keys", "difference"),
    [
        ("out/funnel.json", (0, "out"), "[0].out: "),
        ("out/run.json", ("dropped",), "dropped: "),
        ("out/.dj/shards/00001.json", ("records",), "records: "),
        ("out/.dj/decision/decision.json", ("outcomes", 0, "kept"), "outcomes[0].kept: "),
    ],
)
def test_a_count_in_a_manifest_is_found(runs, changed, name, keys, difference):
    content = json.loads((changed / name).read_text())
    inside = content
    for key in keys[:-1]:
        inside = inside[key]
    before, inside[keys[-1]] = inside[keys[-1]], 4711
    (changed / name).write_text(json.dumps(content))
    assert different(runs[0], changed) == {name: f"{difference}{before} in OLD, 4711 in NEW"}


def test_times_and_machines_in_a_manifest_make_no_difference(runs, changed):
    path = changed / "out/run.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"seconds": {"measure": 4711}, "nodes": ["elsewhere"], "peak_rss_mb": 1.0}))
    assert different(runs[0], changed) == {}


def test_a_sentence_of_a_report_is_found(runs, changed):
    path = changed / "out/dataset_card.md"
    path.write_text(path.read_text().replace("samples out", "samples left"))
    ((name, difference),) = different(runs[0], changed).items()
    assert name == "out/dataset_card.md"
    assert "samples left" in difference


def test_files_are_counted_by_kind(tmp_path):
    names = {
        "c4/refined/part-00000.parquet": "refined",
        "c4/against/stats/00000.parquet": "stats",
        "stats.duckdb:duplicates": "duplicates",
        "c4/runs/run 1.json": "runs",
        "run.json": "runs",
        "dataset_card.md": "report",
        "c4/numbering.json": "other",
    }
    results = [Compared(name, "bytes") for name in names]
    assert [result.kind for result in results] == list(names.values())
    assert "| runs | 2 | 2 | 0 | 0 |\n| report | 1 | 1 | 0 | 0 |\n| other | 1 | 1 | 0 | 0 |\n| all | 7 |" in table(
        results
    )


def test_runs_are_paired_in_the_order_of_time(tmp_path):
    for run in ("20260102T000000.000000Z-00000000", "20260101T000000.000000Z-ffffffff"):
        write_jsonl(tmp_path / f"c4/runs/{run}.json", [{}])
    (tmp_path / "c4/.lock").touch()
    results = files_of(tmp_path)
    assert {name: path.stem[:8] for name, path in results.items()} == {
        "c4/runs/run 1.json": "20260101",
        "c4/runs/run 2.json": "20260102",
    }


def test_an_empty_folder_is_a_mistake(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare_outputs", str(runs[0]), str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "holds no file" in capsys.readouterr().err
