"""Data sets of Lance as sources: fragments, deleted rows, new versions, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.cli.app import app
from dj_assets.errors import SourceError, UnreadableFileError
from dj_assets.home.layout import Layout
from dj_assets.publish.export.table_versions import TableExport
from dj_assets.sources import lance_tables
from dj_assets.sources.readers import Reader, parse
from dj_assets.sources.record_fields import record_fields
from dj_assets.sources.sources import resolve
from tests.documents import write_jsonl

lance = pytest.importorskip("lance")

TABLE = pa.table(
    {
        "id": range(90),
        "text": [None if number == 7 else f"text {number}" for number in range(90)],
        "meta": [{"n": number} for number in range(90)],
    }
)


@pytest.fixture
def source(tmp_path) -> Path:
    """Return a data set of three fragments, of which two rows are deleted."""
    folder = tmp_path / "corpus.lance"
    lance.write_dataset(TABLE, folder, max_rows_per_file=40)
    lance.dataset(folder).delete("id in (3, 55)")
    return folder


def read(*paths: Path) -> list[dict]:
    found = []
    for number, file in enumerate(resolve([*map(str, paths)], paths[0].parent)):
        for block in Reader(file, number, block_bytes=500).blocks():
            rows = parse(block, text_key="text", name=file.path.name).rows
            texts, fields = rows["text"].to_pylist(), rows["fields"].to_pylist()
            owned = [json.loads(own) if isinstance(own, str) else own for own in fields]
            found += [{**own, "text": text} for text, own in zip(texts, owned, strict=True)]
    return found


EXPECTED = [row for row in TABLE.to_pylist() if row["id"] not in {3, 7, 55}]


def test_rows_of_all_fragments_are_samples(source):
    files = resolve([str(source)], source.parent)
    assert len(files) == 3
    assert read(source) == EXPECTED
    fields = [*record_fields(files, ["meta"], "text", 1 << 20, 50)]
    assert fields == [pa.struct(list(TABLE.schema))] * 2


def test_a_folder_may_hold_data_sets_and_files(source):
    write_jsonl(source.parent / "more.jsonl", [{"id": 100, "text": "more"}])
    lines = read(source.parent)
    assert [row["id"] for row in lines] == [*(row["id"] for row in EXPECTED), 100]
    left_out: list[Path] = []
    resolve([str(source.parent)], source.parent, left_out=left_out)
    assert not left_out


def run(source: Path, out: Path) -> dict[str, float]:
    dj_assets.run_recipe(
        {"process": [{"text_length_filter": {"min_len": 1}}]}, [source], out, workers=1, overwrite=True
    )
    return {json.loads(path.read_text())["path"]: path.stat().st_mtime_ns for path in out.rglob("shards/*.json")}


def test_a_new_version_measures_only_fragments_that_changed(source, tmp_path):
    before = run(source, tmp_path / "out")
    lance.dataset(source).delete("id = 80")
    lance.write_dataset(TABLE.slice(0, 5), source, mode="append")
    after = run(source, tmp_path / "out")
    assert len(before) == 3
    assert len(after) == 4
    assert sum(after[path] == time for path, time in before.items()) == 2
    manifest = json.loads((tmp_path / "out/run.json").read_text())
    assert manifest["samples_in"] == 90 - 3 + 5
    shown = CliRunner().invoke(app, ["explain", str(tmp_path / "out"), "--id", "70"])
    assert "text_len = 7, passes" in shown.output, shown.exception
    # an export is a source again
    TableExport(Layout.output(tmp_path / "out"), tmp_path / "exported", "lance", 10**6).run()
    rows = read(tmp_path / "exported")
    assert len(rows) == manifest["samples_out"]
    assert {row["id"] for row in rows} == {row["id"] for row in EXPECTED} - {80} | {3}


def test_damage_is_one_line(source, monkeypatch):
    data, versions = (sorted((source / name).glob("*")) for name in ("data", "_versions"))
    content = data[0].read_bytes()
    data[0].write_bytes(content[:20])
    with pytest.raises(UnreadableFileError, match=r"no readable Lance after row 0 \(.*\); fetch it again") as raised:
        read(source)
    assert "\n" not in str(raised.value)
    data[0].unlink()
    with pytest.raises(SourceError, match=f"lacks {data[0].name}, which its newest version names; fetch it again"):
        read(source)
    data[0].write_bytes(content)
    for path in versions:
        path.write_bytes(b"")
    with pytest.raises(SourceError, match=r"no readable data set of Lance \(.*\); write it again") as raised:
        read(source)
    assert "\n" not in str(raised.value)
    monkeypatch.setattr(lance_tables, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match=r"library is not installed: pip install 'dj_assets\[lance\]'"):
        read(source)


def test_a_version_that_is_written_meanwhile_is_an_error(source):
    files = resolve([str(source)], source.parent)
    lance.dataset(source).delete("id = 0")
    with pytest.raises(UnreadableFileError, match="the newest version has other files; run again"):
        list(Reader(files[0], 0).blocks())
