from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import zstandard

import dj_assets
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.publish.export import export as module
from dj_assets.publish.export.export import Export
from tests.documents import documents, write_jsonl

PROCESS = {"process": [{"text_length_filter": {"min_len": 20}}]}
ALL = {"process": [{"text_length_filter": {"min_len": 1}}]}


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    sources = [write_jsonl(folder / f"part-{n}.jsonl", documents(400, seed=n)) for n in range(3)]
    dj_assets.run_recipe(PROCESS, sources, folder / "out", workers=1)
    return folder / "out"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(module, "_BATCH_BYTES", 8_000)


def export(out: Path, folder: Path, format: str = "jsonl", shard_bytes: int = 50_000) -> Export:
    return Export(Layout.output(out), folder, format, shard_bytes)


def refined(out: Path) -> list[dict]:
    return ds.dataset(sorted((out / "refined").iterdir())).to_table().to_pylist()


def read(folder: Path, format: str) -> list[dict]:
    parts = sorted(folder.glob("part-*"))
    if format == "parquet":
        return [row for part in parts for row in pq.read_table(part).to_pylist()]
    if format == "webdataset":
        return [row for part in parts for row in read_tar(part)]
    unpack = zstandard.ZstdDecompressor().stream_reader
    lines = (part.read_bytes() if format == "jsonl" else unpack(part.open("rb")).read() for part in parts)
    return [json.loads(line) for part in lines for line in part.splitlines()]


def read_tar(part: Path) -> list[dict]:
    samples: dict[str, dict] = {}
    with tarfile.open(part) as tar:
        for entry in tar:
            key, _, ending = entry.name.partition(".")
            samples.setdefault(key, {})[ending] = tar.extractfile(entry).read()
    return [{"text": sample["txt"].decode(), **json.loads(sample["json"])} for sample in samples.values()]


@pytest.mark.parametrize("format", ["jsonl", "jsonl.zst", "parquet", "webdataset"])
def test_every_refined_sample_is_there_once_and_in_order(out, tmp_path, format):
    size = 8_000 if format in {"jsonl.zst", "parquet"} else 50_000
    done = export(out, tmp_path / "e", format, size).run()
    assert len(done.parts) > 2
    assert read(tmp_path / "e", format) == refined(out)
    assert all(part.bytes >= size for part in done.parts[:-1]) or format == "parquet"
    assert max(part.bytes for part in done.parts) < size + 40_000
    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], check=False, cwd=tmp_path / "e", capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(": OK") == len(done.parts)
    manifest = json.loads((tmp_path / "e/manifest.json").read_text())
    assert manifest["samples"] == done.samples == len(refined(out))
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == sorted(
        ["SHA256SUMS", "manifest.json", *(part.name for part in done.parts)]
    )


def test_one_part_where_all_fits(out, tmp_path):
    (part,) = export(out, tmp_path / "e", "parquet", 10**9).run().parts
    assert pq.read_metadata(tmp_path / "e" / part.name).num_row_groups == 1
    assert part.samples == len(refined(out))


class StoppedError(Exception):
    pass


def test_an_export_that_is_cut_off_goes_on(out, tmp_path):
    whole = export(out, tmp_path / "whole").run()

    def stop(part):
        if part.name == whole.parts[2].name:
            raise StoppedError

    with pytest.raises(StoppedError):
        export(out, tmp_path / "e").run(report=stop)
    assert [path.name for path in (tmp_path / "e").iterdir()] == [".export"], "nothing is there until all is"
    finished = tmp_path / "e/.export" / whole.parts[1].name
    written = finished.stat().st_mtime_ns
    done = export(out, tmp_path / "e").run()
    assert done.written == len(whole.parts) - 3
    assert done.parts == whole.parts
    assert (tmp_path / "e" / whole.parts[1].name).stat().st_mtime_ns == written
    assert read(tmp_path / "e", "jsonl") == refined(out)


def test_a_move_that_is_cut_off_goes_on(out, tmp_path, monkeypatch):
    monkeypatch.setattr(Export, "_finish_moving", lambda self: None)
    export(out, tmp_path / "e").run()
    monkeypatch.undo()
    work = tmp_path / "e/.export"
    (work / "part-00000.jsonl").rename(tmp_path / "e/part-00000.jsonl")
    done = export(out, tmp_path / "e").run()
    assert done.written == 0
    assert not work.exists()
    assert read(tmp_path / "e", "jsonl") == refined(out)


def test_the_same_again_writes_nothing_and_another_one_asks(out, tmp_path):
    export(out, tmp_path / "e").run()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "e").iterdir()}
    assert export(out, tmp_path / "e").run().written == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "e").iterdir()}
    with pytest.raises(UserError, match="holds another export; choose a new folder or pass --overwrite"):
        export(out, tmp_path / "e", "parquet").run()
    export(out, tmp_path / "e", "parquet", 10**9).run(overwrite=True)
    assert not list((tmp_path / "e").glob("*.jsonl"))
    (tmp_path / "e/mine.txt").write_text("x")
    with pytest.raises(UserError, match="holds other files"):
        export(out, tmp_path / "e").run(overwrite=True)


def test_a_damaged_part_is_written_again(out, tmp_path):
    done = export(out, tmp_path / "e").run()
    (tmp_path / "e" / done.parts[0].name).write_bytes(b"")
    again = export(out, tmp_path / "e").run(overwrite=True)
    assert again.parts == done.parts
    assert read(tmp_path / "e", "jsonl") == refined(out)


def test_media_go_with_their_samples(tmp_path):
    (tmp_path / "pictures").mkdir()
    for name in "abc":
        (tmp_path / f"pictures/{name}.JPG").write_bytes(name.encode() * 10)
    records = [
        {"id": "one", "text": "a single picture of a harbour", "images": ["pictures/a.JPG"]},
        {"id": "two", "text": "two pictures of a quiet market", "images": ["pictures/b.JPG", "pictures/c.JPG"]},
        {"id": "none", "text": "no picture at all, only words", "images": []},
    ]
    source = write_jsonl(tmp_path / "media.jsonl", records)
    dj_assets.run_recipe(PROCESS, [source], tmp_path / "out", workers=1)
    (part,) = export(tmp_path / "out", tmp_path / "e", "webdataset").run().parts
    with tarfile.open(tmp_path / "e" / part.name) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}
    assert list(files) == [
        *("000000000.txt", "000000000.json", "000000000.jpg"),
        *("000000001.txt", "000000001.json", "000000001.0.jpg", "000000001.1.jpg"),
        *("000000002.txt", "000000002.json"),
    ]
    assert files["000000001.1.jpg"] == b"c" * 10
    (tmp_path / "pictures/b.JPG").unlink()
    with pytest.raises(UserError, match=r"b\.JPG: no such file, but sample two names it"):
        export(tmp_path / "out", tmp_path / "f", "webdataset").run()


def exported_files(out: Path, folder: Path) -> dict[str, bytes]:
    (part,) = export(out, folder, "webdataset").run().parts
    with tarfile.open(folder / part.name) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def test_media_are_found_below_the_root_of_the_recipe_and_in_archives(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/a.jpg").write_bytes(b"a picture")
    (tmp_path / "m.bin").write_bytes(b"a member")
    with tarfile.open(tmp_path / "far/more.tar", "w") as tar:
        tar.add(tmp_path / "m.bin", "deep/b.png")
    text = "a picture of a harbour in the evening"
    records = [
        {"id": "file", "text": text, "pictures": ["a.jpg"]},
        {"id": "member", "text": text, "pictures": ["more.tar/deep/b.png"]},
        {"id": "outside", "text": "short", "pictures": ["../m.bin"]},
    ]
    source = {"paths": str(tmp_path / "media.jsonl"), "media_root": str(tmp_path / "far")}
    recipe = {**PROCESS, "image_key": "pictures", "asset": {"subset": "x", "group": "y", "source": source}}
    inputs = [write_jsonl(tmp_path / "media.jsonl", records)]
    dj_assets.run_recipe(recipe, inputs, tmp_path / "out", workers=1)
    files = exported_files(tmp_path / "out", tmp_path / "e")
    assert files["000000000.jpg"] == b"a picture"
    assert files["000000001.png"] == b"a member"
    assert len(files) == 6
    dj_assets.run_recipe({**recipe, **ALL}, inputs, tmp_path / "all", workers=1)
    with pytest.raises(UserError, match=r"m\.bin: lies outside of the media root .*, but sample outside names it"):
        export(tmp_path / "all", tmp_path / "f", "webdataset").run()
    assert export(tmp_path / "all", tmp_path / "g", "jsonl").run().samples == 3


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_images_in_cells_stand_beside_their_samples(tmp_path, format):
    table = {"id": ["one"], "text": ["two pictures of a market"], "images": [["a.png", "b.jpg"]]}
    pq.write_table(pa.table({**table, "image_bytes": [[b"\x89first", b"second"]]}), tmp_path / "cells.parquet")
    dj_assets.run_recipe(PROCESS, [tmp_path / "cells.parquet"], tmp_path / "out", workers=1, format=format)
    files = exported_files(tmp_path / "out", tmp_path / "e")
    assert files["000000000.0.png"] == b"\x89first"
    assert files["000000000.1.jpg"] == b"second"
    named = {"__dj_id__": "one"} if format == "parquet" else {}
    assert json.loads(files["000000000.json"]) == named | {"id": "one", "images": ["a.png", "b.jpg"]}


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_images_of_hugging_face_stand_beside_their_samples(tmp_path, format):
    images = [{"bytes": b"\x89first", "path": "a.png"}, {"bytes": b"second", "path": None}]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([images], pa.list_(struct))
    pq.write_table(pa.table({"id": ["one"], "text": ["two pictures"], "image": column}), tmp_path / "cells.parquet")
    recipe = {**ALL, "image_key": "image"}
    dj_assets.run_recipe(recipe, [tmp_path / "cells.parquet"], tmp_path / "out", workers=1, format=format)
    files = exported_files(tmp_path / "out", tmp_path / "e")
    assert files["000000000.0.png"] == b"\x89first"
    assert files["000000000.1.bin"] == b"second"
    exported = json.loads(files["000000000.json"])
    assert [image["path"] for image in exported["image"]] == ["a.png", None]
    assert not any(image["bytes"] for image in exported["image"])


@pytest.mark.parametrize("to", ["jsonl", "jsonl.zst", "parquet", "webdataset"])
def test_refined_json_lines_are_exported_too(out, tmp_path, to):
    sources = [out.parent / f"part-{n}.jsonl" for n in range(3)]
    dj_assets.run_recipe(PROCESS, sources, tmp_path / "lines", workers=1, format="jsonl")
    done = export(tmp_path / "lines", tmp_path / "e", to).run()
    assert len(done.parts) > (1 if to == "jsonl" else 0)
    assert read(tmp_path / "e", to) == refined(out)


def test_what_json_lines_hold_stays_to_the_digit(tmp_path):
    lines = [
        '{"n": 12345678901234567890123, "text": "one two three four", "x": 1.10, "more": {"a": [1, "b"]}}',
        '{"text": "five six seven eight", "only": null}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    dj_assets.run_recipe(ALL, [tmp_path / "a.jsonl"], tmp_path / "lines", workers=1, format="jsonl")
    dj_assets.run_recipe(ALL, [tmp_path / "a.jsonl"], tmp_path / "table", workers=1)
    as_refined = (tmp_path / "lines/refined/part-00000.jsonl").read_bytes()
    assert b"12345678901234567890123" in as_refined
    export(tmp_path / "lines", tmp_path / "e", "jsonl").run()
    assert (tmp_path / "e/part-00000.jsonl").read_bytes() == as_refined
    export(tmp_path / "lines", tmp_path / "f", "parquet").run()
    assert pq.read_table(tmp_path / "f/part-00000.parquet").equals(
        pq.read_table(tmp_path / "table/refined/part-00000.parquet")
    )
    export(tmp_path / "lines", tmp_path / "g", "webdataset").run()
    with tarfile.open(tmp_path / "g/part-00000.tar") as tar:
        assert b"12345678901234567890123" in tar.extractfile("000000000.json").read()


def test_nothing_kept_is_an_export_of_nothing(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "short"}])
    dj_assets.run_recipe(PROCESS, [source], tmp_path / "out", workers=1)
    (part,) = export(tmp_path / "out", tmp_path / "e", "parquet").run().parts
    assert part.samples == 0
    assert pq.read_table(tmp_path / "e" / part.name).column_names == ["__dj_id__", "text"]


def test_the_same_samples_give_the_same_bytes(out, tmp_path):
    sums = []
    for name in ("a", "b"):
        export(out, tmp_path / name, "webdataset").run()
        sums.append(hashlib.sha256((tmp_path / name / "SHA256SUMS").read_bytes()).hexdigest())
    assert sums[0] == sums[1]
