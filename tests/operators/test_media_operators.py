from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets import settings
from dj_assets.errors import RecipeError, UserError
from dj_assets.recipe.load import load_recipe
from tests.media import made


def run(folder: Path, records: list[dict[str, Any]], process: list[Any], **keys: Any) -> tuple[list[str], Any]:
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    dj_assets.run_recipe({"process": process, **keys}, [folder / "in.jsonl"], folder / "out", workers=1)
    kept = pq.read_table(sorted((folder / "out/refined").glob("*.parquet")), columns=["id"])["id"].to_pylist()
    return kept, {row["id"]: row for row in pq.read_table(folder / "out/stats.parquet").to_pylist()}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    made.image(tmp_path / "wide.png", 90, 30, seed=1)
    made.image(tmp_path / "tall.png", 30, 90, seed=2)
    made.image(tmp_path / "square.png", 50, 50, seed=3)
    made.image(tmp_path / "again.jpg", 50, 50, seed=3, quality=95)
    made.clip(tmp_path / "a.mp4", 10, seed=4)
    made.clip(tmp_path / "b.mp4", 20, seed=4)
    return tmp_path


def images(name: str, *paths: str, text: str = "") -> dict[str, Any]:
    return {"id": name, "text": text, "images": list(paths)}


@pytest.mark.parametrize(("any_or_all", "kept"), [("any", ["square", "both", "none"]), ("all", ["square", "none"])])
def test_any_and_all(files: Path, any_or_all: str, kept: list[str]) -> None:
    records = [
        images("wide", "wide.png"),
        images("square", "square.png"),
        images("both", "wide.png", "square.png"),
        images("none"),
    ]
    found, stats = run(files, records, [{"image_aspect_ratio_filter": {"max_ratio": 2.0, "any_or_all": any_or_all}}])
    assert found == kept
    assert [row["aspect_ratios"] for row in stats.values()] == [[3.0], [1.0], [3.0, 1.0], []]


def test_width_and_height_count_together(files: Path) -> None:
    records = [images("split", "wide.png", "tall.png"), images("one", "wide.png", "square.png")]
    kept, stats = run(files, records, [{"image_shape_filter": {"min_width": 40, "min_height": 40}}])
    assert kept == ["one"]
    assert stats["split"]["image_width"], stats["split"]["image_height"] == ([90, 30], [30, 90])
    reason = pq.read_table(files / "out/dropped.parquet").to_pylist()[0]["reason"]
    assert reason == "none in the ranges: min_width 40, min_height 40"


def test_without_media_nothing_is_judged(files: Path) -> None:
    records = [images("a"), images("b"), {"id": "c", "text": "no field"}, {"id": "d", "text": "x", "images": None}]
    process = [
        {"image_size_filter": {"min_size": "1GB"}},
        {"video_duration_filter": {"min_duration": 9}},
        "image_deduplicator",
    ]
    assert run(files, records, process)[0] == ["a", "b", "c", "d"]


def test_a_path_listed_twice_is_measured_twice_and_signed_once(files: Path) -> None:
    records = [images("one", "square.png"), images("two", "square.png", "square.png"), images("three", "again.jpg")]
    kept, stats = run(files, records, ["image_size_filter", "image_deduplicator"])
    assert kept == ["one"]
    size = (files / "square.png").stat().st_size
    assert stats["two"]["image_sizes"] == [size, size]


def test_texts_count_with_the_media(files: Path) -> None:
    records = [
        images("one", "square.png", text="a"),
        images("two", "square.png", text="b"),
        images("three", "square.png", text=" a "),
        images("four", text="a"),
        images("five", text="a"),
    ]
    kept, _ = run(files, records, [{"image_deduplicator": {"consider_text": True}}])
    assert kept == ["one", "two", "four"]


def test_clips(files: Path) -> None:
    records = [{"id": name, "text": "", "videos": [f"{name}.mp4"]} for name in "ab"]
    process = [{"video_duration_filter": {"min_duration": 1.5}}, "video_resolution_filter", "video_aspect_ratio_filter"]
    kept, stats = run(files, records, process)
    assert kept == ["b"]
    assert [stats["b"][key] for key in ("video_duration", "video_width", "video_height")] == [[2.0], [96], [64]]


def test_the_seconds_of_an_operator_are_those_of_decoding_too(files: Path) -> None:
    made.clip(files / "large.mp4", 60, width=640, height=360)
    motion = {"video_motion_score_filter": {"sampling_fps": 5, "min_score": 0}}
    run(files, [{"id": "large", "text": "", "videos": ["large.mp4"]}], ["video_resolution_filter", motion, motion])
    first, second, third = (step["seconds"] for step in json.loads((files / "out/funnel.json").read_text()))
    assert second > 0.1
    assert second > 10 * max(first, third)


def test_many_parts_are_one_result(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["wide.png", "missing.png", "tall.png", "square.png"] * 5
    records = [images(str(n), name) for n, name in enumerate(names)]
    kept, stats = run(files, records, ["image_aspect_ratio_filter"])
    monkeypatch.setattr(settings, "MEDIA_IMAGES", 3)
    (files / "parts").mkdir()
    for path in files.glob("*.png"):
        (files / "parts" / path.name).hardlink_to(path)
    assert run(files / "parts", records, ["image_aspect_ratio_filter"]) == (kept, stats)
    quarantined = pq.read_table(files / "parts/out/quarantine.parquet").to_pylist()
    assert [row["id"] for row in quarantined] == ["1", "5", "9", "13", "17"]


def test_a_ratio_is_checked_when_the_recipe_loads() -> None:
    for ratio in ("wide", "1/0", "1:2:3"):
        with pytest.raises(RecipeError, match="must be a ratio, as '16/9' or '16:9'"):
            load_recipe({"process": [{"video_aspect_ratio_filter": {"min_ratio": ratio}}]})


def test_a_missing_extra_is_told_before_data_is_read(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "PIL" else find(name, *rest))
    with pytest.raises(UserError, match=r"Please install PIL: pip install 'dj_assets\[vision\]'"):
        run(files, [images("a", "gone.png")], ["image_shape_filter"])
    assert run(files, [images("a", "gone.png", text="a text, long enough")], ["text_length_filter"])[0] == ["a"]
