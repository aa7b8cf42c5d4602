"""The published form of Img-Diff: read back, record by record, with the pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import dj_assets
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.publish.export.export import Export
from tests.img_diff import run, write_captions


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        source = write_captions(tmp_path_factory.mktemp("img_diff"), patch)
        run(source)
        return source.parent / "out"


def export(out: Path, folder: Path, shard_bytes: int = 1_000_000) -> Export:
    return Export(Layout.output(out), folder, "img_diff", shard_bytes)


def read(folder: Path) -> list[dict]:
    return [record for part in sorted(folder.glob("part-*.json")) for record in json.loads(part.read_bytes())]


def corners(record: dict) -> list[float]:
    across, down, width, height = record["box"]
    return [across - width / 2, down - height / 2, across + width / 2, down + height / 2]


def test_records_and_pictures_are_read_back(out, tmp_path):
    done = export(out, tmp_path / "e").run()
    refined = [row for part in sorted((out / "refined").iterdir()) for row in pq.read_table(part).to_pylist()]
    records = read(tmp_path / "e")
    assert len(records) == len(refined) == done.samples > 1
    for record, row in zip(records, refined, strict=True):
        assert list(record) == ["conversations", "bbox", "captions1", "captions2", "path"]
        (asked, told) = record["conversations"]
        assert (asked["from"], told) == ("human", {"from": "gpt", "value": "a thing"}) and "red box" in asked["value"]
        assert record["bbox"] == "[" + ", ".join(f"{side / 64:.2f}" for side in corners(row)) + "]"
        assert (record["captions1"], record["captions2"]) == (row["region_caption1"], row["region_caption2"])
        for side in (0, 1):
            content = (tmp_path / "e" / f"{record['path']}_{side}.jpg").read_bytes()
            assert content == (out / row["marked_images"][side]).read_bytes()
            _require_frame(content, out / row["images"][side], corners(row))
    # every file is listed with its checksum
    names = {line.split()[1] for line in (tmp_path / "e/SHA256SUMS").read_text().splitlines()}
    assert names == {path.name for path in (tmp_path / "e").iterdir()} - {"SHA256SUMS", "manifest.json"}


def _require_frame(content: bytes, image: Path, sides: list[float]) -> None:
    """The picture is red around the box grown by 5 pixels, and as it was elsewhere."""
    marked, plain = (np.asarray(Image.open(source).convert("RGB"), int) for source in (io.BytesIO(content), image))
    left, top, right, bottom = max(sides[0] - 5, 0), max(sides[1] - 5, 0), min(sides[2] + 5, 64), min(sides[3] + 5, 64)
    frame = np.zeros((64, 64), bool)
    frame[int(top) : int(bottom), int(left) : int(right)] = True
    frame[int(top) + 3 : int(bottom) - 3, int(left) + 3 : int(right) - 3] = False
    assert np.abs(marked[frame] - (255, 0, 0)).mean() < 25
    far = np.ones((64, 64), bool)
    far[max(int(top) - 8, 0) : int(bottom) + 8, max(int(left) - 8, 0) : int(right) + 8] = False
    assert np.abs(marked[far] - plain[far]).mean() < 3


def test_small_parts_have_the_same_records_and_an_interrupted_export_goes_on(out, tmp_path, monkeypatch):
    export(out, tmp_path / "whole").run()
    parts = export(out, tmp_path / "parts", shard_bytes=1)
    monkeypatch.setattr("dj_assets.publish.export.export._BATCH_BYTES", 1)

    class StopError(Exception):
        pass

    def stop(part: object) -> None:
        raise StopError

    with pytest.raises(StopError):
        parts.run(report=stop)
    kept = {path.name for path in (tmp_path / "parts/.export").glob("*.jpg")}
    done = parts.run()
    assert len(done.parts) > 1 and done.written == len(done.parts) - 1 and len(kept) == 2
    assert read(tmp_path / "parts") == read(tmp_path / "whole")
    assert kept < {path.name for path in (tmp_path / "parts").glob("*.jpg")}


def test_other_subsets_and_other_pictures_are_refused_in_one_line(out, tmp_path, monkeypatch):
    (tmp_path / "in.jsonl").write_text('{"id": "one", "text": "a text that is kept"}\n')
    dj_assets.run_recipe(
        {"process": [{"text_length_filter": {}}]}, [tmp_path / "in.jsonl"], tmp_path / "plain", workers=1
    )
    with pytest.raises(UserError, match="sample one has no record of Img-Diff"):
        export(tmp_path / "plain", tmp_path / "e1").run()
    source = write_captions(tmp_path, monkeypatch)
    run(source, img_diff_difference_mapper={"image_format": "png"})
    with pytest.raises(UserError, match=r"\.png of sample .*: is no JPEG file.*image_format: jpg"):
        export(tmp_path / "out", tmp_path / "e2").run()
