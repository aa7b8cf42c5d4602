"""The keys under which records list their media: misspelt keys are said, embedded files are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import SourceError
from dj_assets.home.layout import Layout
from dj_assets.measure.engines import ENGINES
from dj_assets.measure.listed_fields import require_media_keys_before
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sources.sources import SourceFile
from dj_assets.subset import Options, Subset
from tests.media import made
from tests.media.formats import Clip

IMAGES = {"process": [{"image_shape_filter": {"min_width": 70}}]}
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def lines(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def run(recipe: dict[str, Any], source: Path) -> tuple[list[str], dict[str, str]]:
    """Return the ids of the kept samples, and the reasons of the quarantined ones by id."""
    out = source.parent / "out"
    dj_assets.run_recipe(recipe, [source], out, workers=1)
    quarantine = pq.read_table(out / "quarantine.parquet").to_pylist()
    return pq.read_table(out / "refined")["id"].to_pylist(), {row["id"]: row["error"] for row in quarantine}


@pytest.mark.parametrize(
    ("recipe", "key", "setting"),
    [
        ({"image_key": "image", **IMAGES}, "image", "image_key"),
        ({"video_key": "clips", "process": ["video_duration_filter"]}, "clips", "video_key"),
        ({"image_key": "meta.image", **IMAGES}, "meta.image", "image_key"),
    ],
)
@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_key_that_no_record_has_is_said(
    tmp_path: Path, recipe: dict[str, Any], key: str, setting: str, format: str
) -> None:
    records = [{"text": "a", "images": ["a.png"], "videos": [], "meta": {"name": "x"}}]
    if format == "jsonl":
        source = lines(tmp_path / "in.jsonl", *records)
    else:
        source = tmp_path / "in.parquet"
        pq.write_table(pa.Table.from_pylist(records), source)
    message = f"in.{format}: no record has the key '{key}' \\(keys seen: text, images, videos, meta\\).*'{setting}'"
    with pytest.raises(SourceError, match=message):
        run(recipe, source)


def test_a_missing_key_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    sources = [lines(tmp_path / f"{n}.jsonl", *[{"text": "a", "images": []}] * 2000) for n in range(3)]
    message = "0.jsonl: no record has the key 'image' \\(keys seen: text, images\\).*'image_key'"
    recipe = {"image_key": "image", **IMAGES}
    for limit in (None, 1):
        for engine in ENGINES:  # no cluster is needed, since nothing is measured
            out = tmp_path / f"{engine}{limit}"
            with pytest.raises(SourceError, match=message):
                dj_assets.run_recipe(recipe, sources, out, workers=1, limit=limit, engine=engine)
    assert not [*tmp_path.rglob("*.parquet")]


def test_a_missing_key_is_said_by_the_first_shard(tmp_path: Path) -> None:
    for number in range(3):
        lines(tmp_path / f"{number}.jsonl", {"text": "a", "images": []})
    block = {"subset": "notes", "group": "mine", "shards": {"files": 1}}
    recipe = load_recipe({"image_key": "image", **IMAGES, "asset": block})
    subset = Subset(recipe, [tmp_path / "*.jsonl"], Layout.home(tmp_path / "home"), Options(workers=1))
    with pytest.raises(SourceError, match=r"0\.jsonl: no record has the key 'image'"):
        subset.measure(shard="1")
    assert not [*(tmp_path / "home").rglob("*.parquet")]


def find_keys(recipe: dict[str, Any], *sources: Path, limit: int | None = None) -> None:
    """Look for the keys of a recipe as a run does before it measures."""
    layout = Layout.output(sources[0].parent / "out")
    require_media_keys_before(make_plan(load_recipe(recipe)), layout, [*map(SourceFile.at, sources)], limit)


@pytest.mark.parametrize("key", ["picture", "画像", "meta.picture", 'pic"ture'])
def test_the_key_may_come_late(tmp_path: Path, key: str) -> None:
    head, _, rest = key.partition(".")
    plain = [{"id": f"{n}", "text": "a", "meta": {"name": "x" * 4000}} for n in range(20)]
    last = {"text": "b", head: {rest: "a.png"} if rest else "a.png"}
    source = lines(tmp_path / "in.jsonl", *plain, last)
    pq.write_table(pa.Table.from_pylist(plain), tmp_path / "0.parquet")
    recipe = {"image_key": key, **IMAGES}
    find_keys(recipe, source)
    find_keys(recipe, tmp_path / "0.parquet", source)
    find_keys(recipe, tmp_path / "0.parquet", source, limit=41)
    for limit in (20, 40):
        with pytest.raises(SourceError, match="no record has the key"):
            find_keys(recipe, tmp_path / "0.parquet", source, limit=limit)


def test_a_key_that_an_operator_writes_is_no_missing_key(tmp_path: Path) -> None:
    made.image(tmp_path / "a.png", 60, 60)
    (tmp_path / "listing.py").write_text(
        "import pyarrow as pa\n"
        "from dj_assets.operators import FieldMapper, register\n\n\n"
        "@register('test_listing_mapper')\nclass Listing(FieldMapper):\n"
        "    fields = {'listed': pa.list_(pa.string())}\n\n"
        "    def extract(self, batch):\n"
        "        return {'listed': pa.array([['a.png']] * len(batch), pa.list_(pa.string()))}\n"
    )
    source = lines(tmp_path / "in.jsonl", {"id": "a", "text": "a"})
    process = ["test_listing_mapper", *IMAGES["process"]]
    recipe = {"image_key": "listed", "custom_operator_paths": [str(tmp_path / "listing.py")], "process": process}
    assert run(recipe, source) == ([], {})


def test_some_records_may_have_no_media(tmp_path: Path) -> None:
    made.image(tmp_path / "a.png", 80, 60)
    source = lines(tmp_path / "in.jsonl", {"id": "a", "text": "a"}, {"id": "b", "text": "b", "images": ["a.png"]})
    assert run(IMAGES, source) == (["a", "b"], {})


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("key", ["image_key", "image_bytes_key"])
def test_images_of_hugging_face_are_read(tmp_path: Path, key: str, many: bool) -> None:
    wide, narrow = (made.image(tmp_path / f"{width}.png", width, 40).read_bytes() for width in (80, 60))
    (tmp_path / "60.png").unlink()
    images: list[dict[str, Any]] = [
        {"bytes": wide, "path": None},
        {"bytes": narrow, "path": "60.png"},
        {"bytes": None, "path": "80.png"},
        {"bytes": b"no image", "path": None},
    ]
    column = pa.array([[image] if many else image for image in images], pa.list_(STRUCT) if many else STRUCT)
    table = pa.table({"id": ["wide", "narrow", "path", "broken"], "text": list("abcd"), "image": column})
    pq.write_table(table, tmp_path / "in.parquet")
    kept, quarantine = run({key: "image", **IMAGES}, tmp_path / "in.parquet")
    assert kept == ["wide", "path"]
    assert quarantine == {"broken": "image[0]: is no image that can be read"}


def test_clips_of_hugging_face_are_read(tmp_path: Path) -> None:
    Clip("AV1", "mp4").write(tmp_path / "a.mp4")
    clip = {"bytes": (tmp_path / "a.mp4").read_bytes(), "path": None}
    table = pa.table({"id": ["a"], "text": ["a"], "video": pa.array([clip], STRUCT)})
    pq.write_table(table, tmp_path / "in.parquet")
    assert run({"video_key": "video", "process": ["video_motion_score_filter"]}, tmp_path / "in.parquet") == (["a"], {})


def test_a_value_that_lists_no_files_is_quarantined(tmp_path: Path) -> None:
    source = lines(tmp_path / "in.jsonl", {"id": "a", "text": "a", "images": 7})
    kept, quarantine = run(IMAGES, source)
    assert kept == []
    assert quarantine == {"a": "images is no list of paths"}


def test_a_missing_file_is_said_with_the_path_that_was_looked_for(tmp_path: Path) -> None:
    source = lines(tmp_path / "in.jsonl", {"id": "a", "text": "a", "images": ["pictures/a.png"]})
    _, quarantine = run(IMAGES, source)
    assert quarantine == {"a": f"pictures/a.png: no such file (looked for {tmp_path}/pictures/a.png)"}


def test_statistics_of_a_version_that_read_no_embedded_images_are_measured_again(tmp_path: Path) -> None:
    image = {"bytes": made.image(tmp_path / "a.png", 60, 40).read_bytes(), "path": None}
    table = pa.table({"id": ["a"], "text": ["a"], "image": pa.array([image], STRUCT)})
    pq.write_table(table, tmp_path / "in.parquet")
    recipe = {"image_key": "image", **IMAGES}
    run(recipe, tmp_path / "in.parquet")
    (manifest,) = (tmp_path / "out/.dj/shards").glob("*.json")
    (stats,) = (tmp_path / "out/.dj/stats").glob("*.parquet")
    content = json.loads(manifest.read_text())
    del content["decoders"], content["checksum"]
    manifest.write_text(json.dumps(content))
    before = stats.stat().st_mtime_ns
    assert run(recipe, tmp_path / "in.parquet") == ([], {})
    after = stats.stat().st_mtime_ns
    assert after > before
    run(recipe, tmp_path / "in.parquet")
    assert stats.stat().st_mtime_ns == after
