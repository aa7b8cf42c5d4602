"""Operators that name fields of their own: for the text, for images and for clips."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import dj_assets
from dj_assets import settings
from dj_assets.analysis.explain import explain
from dj_assets.errors import SourceError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.operators.text.text_length_filter import TextLengthFilter
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.subset import Options, Subset, run_recipe
from dj_assets.views.contact_sheet import FOLDER, write_sheets
from tests.documents import write_jsonl
from tests.media import made

SHAPE = "image_shape_filter"
OWN = {SHAPE: {"image_key": "pictures", "min_width": 40}}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Samples with two lists of images and two of clips, two shards, as JSON lines and as Parquet."""
    folder = tmp_path / "source"
    folder.mkdir()
    for width in (30, 50, 90):
        made.image(folder / f"{width}.png", width, 30, seed=width)
    made.clip(folder / "10.mp4", 10, seed=1)
    made.clip(folder / "20.mp4", 20, seed=2)
    for shard in range(2):
        records = [
            record(f"{shard}-{n}", images=["90.png"], pictures=[f"{width}.png"], videos=["10.mp4"], clips=["20.mp4"])
            for n, width in enumerate((30, 50, 90))
        ]
        write_jsonl(folder / f"{shard}.jsonl", records)
        pq.write_table(pa.Table.from_pylist(records), folder / f"{shard}.parquet")
    return folder


def record(name: str, **fields: list[str]) -> dict[str, Any]:
    return {"id": name, "text": f"text of {name}", **fields}


def stats_of(folder: Path, process: list[Any], glob: str = "*.jsonl", workers: int = 1, **keys: Any) -> dict[str, Any]:
    out = folder.parent / f"out-{len(list(folder.parent.iterdir()))}"
    dj_assets.run_recipe({"process": process, **keys}, sorted(folder.glob(glob)), out, workers=workers)
    return {row["id"]: row for row in pq.read_table(out / "stats.parquet").to_pylist()}


@pytest.mark.parametrize(("glob", "workers"), [("*.jsonl", 1), ("*.jsonl", 2), ("*.parquet", 2)])
def test_each_operator_reads_its_own_images(
    pictures: Path, glob: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MEDIA_IMAGES", 2)
    stats = stats_of(pictures, [SHAPE, {SHAPE: {"image_key": "pictures"}}], glob, workers)
    assert [row["image_width"] for row in stats.values()] == [[90]] * 6
    assert [row["image_width_2"] for row in stats.values()] == [[30], [50], [90]] * 2


def test_clips_and_bytes_of_images_under_own_keys(pictures: Path) -> None:
    duration = {"video_duration_filter": {"video_key": "clips"}}
    (row, *_) = stats_of(pictures, ["video_duration_filter", duration]).values()
    assert (row["video_duration"], row["video_duration_2"]) == ([1.0], [2.0])
    content = [(pictures / "50.png").read_bytes()]
    samples = {"text": ["a"], "images": [["90.png"]], "raw": [content]}
    pq.write_table(pa.table(samples), pictures / "bytes.parquet")
    process = [SHAPE, {SHAPE: {"image_bytes_key": "raw"}}]
    (row,) = stats_of(pictures, process, "bytes.parquet").values()
    assert (row["image_width"], row["image_width_2"]) == ([90], [50])


def plan(*process: Any, **keys: Any) -> Plan:
    return make_plan(load_recipe({"process": list(process), **keys}))


def test_an_own_key_is_measured_and_the_key_of_the_recipe_changes_no_hash() -> None:
    assert plan({SHAPE: {"image_key": "images"}}).stats_hash == plan(SHAPE).stats_hash
    assert plan(OWN, image_key="pictures").stats_hash == plan(SHAPE, image_key="pictures").stats_hash
    assert plan(OWN).stats_hash != plan(SHAPE).stats_hash
    assert plan(OWN).stats_hash == plan({SHAPE: {**OWN[SHAPE], "min_width": 7}}).stats_hash
    assert "image_key" not in plan(SHAPE).steps[0].operator.measuring_parameters()


def test_the_manifest_of_a_run_gives_its_recipe_with_the_keys_of_media(pictures: Path) -> None:
    process = [SHAPE, {SHAPE: {"image_key": "images"}}]
    out = pictures.parent / "out"
    run_recipe({"process": process, "image_key": "pictures"}, [pictures / "0.jsonl"], out, workers=1)
    manifest = newest_run(Layout.output(out))
    assert manifest is not None
    assert manifest.recipe_content() == {
        "text_keys": "text",
        "image_key": "pictures",
        "process": list(manifest.process),
    }
    assert make_plan(load_recipe(manifest.recipe_content())).stats_hash == manifest.stats_hash


def test_a_key_of_an_operator_that_no_record_has_is_a_mistake(pictures: Path) -> None:
    with pytest.raises(SourceError, match="no record has the key 'photos'"):
        stats_of(pictures, [SHAPE, {SHAPE: {"image_key": "photos"}}])


def test_a_key_of_media_that_an_operator_does_not_read_has_no_effect_and_a_notice() -> None:
    (notice,) = load_recipe({"process": [{SHAPE: {"video_key": "clips", "image_key": "pictures"}}]}).notices
    assert notice == "<dict>: operator keys without effect here: video_key"
    (notice,) = load_recipe({"process": [{"text_length_filter": {"image_key": "pictures"}}]}).notices
    assert notice == "<dict>: operator keys without effect here: image_key"
    assert load_recipe({"process": [OWN]}).notices == ()


def test_a_change_of_a_file_under_an_own_key_measures_again(pictures: Path) -> None:
    def measured() -> int:
        recipe = load_recipe({"process": [OWN], "asset": {"subset": "pictures", "group": "mine"}})
        home = Layout.home(pictures.parent / "home")
        return Subset(recipe, [pictures / "*.jsonl"], home, Options(workers=1)).measure().files_measured

    assert (measured(), measured()) == (2, 0)
    os.utime(pictures / "90.png", ns=(5, 5))
    assert (measured(), measured()) == (2, 0)


def test_the_contact_sheet_shows_the_images_that_were_judged(tmp_path: Path) -> None:
    Image.new("RGB", (50, 50), (30, 30, 220)).save(tmp_path / "blue.png")
    Image.new("RGB", (300, 50), (220, 30, 30)).save(tmp_path / "red.png")
    lines = [{"text": "wide", "images": ["blue.png"], "pictures": ["red.png"]}] * 2
    inputs = [write_jsonl(tmp_path / "in.jsonl", lines)]
    process = [{"image_aspect_ratio_filter": {"max_ratio": 2.0, "image_key": "pictures"}}]
    result = run_recipe({"process": process}, inputs, tmp_path / "out", accompany=write_sheets)
    pixels = np.asarray(Image.open(result.folder / FOLDER / "image_aspect_ratio_filter.jpg")).astype(int)
    red, blue = ((np.abs(pixels - colour).max(axis=-1) < 40).mean() for colour in ((220, 30, 30), (30, 30, 220)))
    assert red > 0.001 > blue


def test_a_filter_sees_what_a_mapper_wrote_under_its_own_key(tmp_path: Path) -> None:
    records = [{"id": "a", "text": "long enough", "title": "a\u00a0b"}]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    process = [
        {"specified_field_filter": {"field_key": "title", "target_value": ["a\u00a0b"]}},
        {"whitespace_normalization_mapper": {"text_key": "title"}},
        {"specified_field_filter": {"field_key": "title", "target_value": ["a b"]}},
    ]
    assert run_recipe({"process": process}, [source], tmp_path / "out").samples_out == 1
    layout = Layout.output(tmp_path / "out")
    manifest = newest_run(layout)
    assert manifest is not None
    (trace,) = explain(make_plan(load_recipe({"process": process})), layout, manifest, "a")
    assert trace.steps[1].summary == "changes 1 places"


def test_a_text_filter_has_no_keys_of_media() -> None:
    assert not {"image_key", "video_key", "image_bytes_key"} & set(TextLengthFilter.model_fields)
    assert json.dumps(TextLengthFilter().measuring_parameters()) == '{"text_key": null}'
