"""Operators that replace media by new files: scenes, other sizes, blurred images."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import RecipeError
from dj_assets.recipe.load import load_recipe
from tests.media import made


def run(
    folder: Path, records: list[dict[str, object]], process: list[object], **keys: object
) -> list[dict[str, object]]:
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    dj_assets.run_recipe({"process": process, **keys}, [folder / "in.jsonl"], folder / "out", workers=1, overwrite=True)
    return [row for path in sorted((folder / "out/refined").glob("*")) for row in pq.read_table(path).to_pylist()]


def scenes(path: Path, *lengths: int) -> Path:
    """Write a clip of several scenes, each of another colour, at 10 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 64, "yuv420p"
        for number, length in enumerate(lengths):
            picture = np.full((64, 320, 3), (90 * number % 256, 255 - 60 * number, 40 * number), np.uint8)
            for _ in range(length):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def facts(path: Path) -> tuple[int, int, int]:
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        return stream.width, stream.height, sum(1 for _ in clip.decode(video=0))


@pytest.mark.parametrize("detector", ["ContentDetector", "AdaptiveDetector"])
def test_clips_are_cut_where_scenes_change(tmp_path, detector):
    scenes(tmp_path / "a.mp4", 12, 20, 16)
    scenes(tmp_path / "b.mp4", 15)
    text = "<__dj__video> first <__dj__video> second <|__dj__eoc|> <__dj__video>"
    cut = {"detector": detector, "min_scene_len": 5, "threshold": 27 if detector == "ContentDetector" else 3}
    [row] = run(tmp_path, [{"text": text, "videos": ["a.mp4", "b.mp4"]}], [{"video_split_by_scene_mapper": cut}])
    assert [facts(tmp_path / "out" / name)[2] for name in row["videos"][:3]] == [12, 20, 16]
    assert row["videos"][3:] == ["b.mp4"]
    assert row["__dj__source_file__"] == ["a.mp4"] * 3 + ["b.mp4"]
    three = "<__dj__video>" * 3
    assert row["text"] == f"{three} first <__dj__video> second <|__dj__eoc|> <__dj__video>"


def test_short_scenes_are_not_cut(tmp_path):
    scenes(tmp_path / "a.mp4", 12, 4, 16)
    [row] = run(tmp_path, [{"text": "", "videos": ["a.mp4"]}], [{"video_split_by_scene_mapper": {"min_scene_len": 15}}])
    assert len(row["videos"]) < 3


@pytest.mark.parametrize(
    ("bounds", "size"),
    [
        ({"min_width": 200}, (200, 64)),
        ({"max_height": 32}, (96, 32)),
        ({"max_height": 32, "force_original_aspect_ratio": "decrease"}, (48, 32)),
        ({"min_width": 200, "force_original_aspect_ratio": "increase"}, (200, 134)),
        ({"min_width": 200, "force_original_aspect_ratio": "increase", "force_divisible_by": 16}, (208, 144)),
    ],
)
def test_clips_of_other_sizes_are_scaled(tmp_path, bounds, size):
    made.clip(tmp_path / "a.mp4", 6)
    [row] = run(tmp_path, [{"text": "", "videos": ["a.mp4"]}], [{"video_resize_resolution_mapper": bounds}])
    assert facts(tmp_path / "out" / row["videos"][0]) == (*size, 6)


def test_clips_within_bounds_stay(tmp_path):
    made.clip(tmp_path / "a.mp4", 6)
    process = [{"video_resize_resolution_mapper": {"min_width": 96}}, {"video_resize_aspect_ratio_mapper": {}}]
    [row] = run(tmp_path, [{"text": "", "videos": ["a.mp4"]}], process)
    assert (row["videos"], row["__dj__source_file__"]) == (["a.mp4"], ["a.mp4"])
    assert not (tmp_path / "out/media").exists() or not [*(tmp_path / "out/media").glob("*/[!.]*")]


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({"min_ratio": "2/1", "max_ratio": "3"}, (128, 64)),
        ({"min_ratio": 2, "max_ratio": "3:1", "strategy": "decrease"}, (96, 48)),
        ({"min_ratio": "1/2", "max_ratio": "1:1"}, (96, 96)),
        ({"min_ratio": "1/2", "max_ratio": 1, "strategy": "decrease"}, (64, 64)),
    ],
)
def test_clips_of_other_ratios_are_scaled(tmp_path, parameters, size):
    made.clip(tmp_path / "a.mp4", 4)
    [row] = run(tmp_path, [{"text": "", "videos": ["a.mp4"]}], [{"video_resize_aspect_ratio_mapper": parameters}])
    assert facts(tmp_path / "out" / row["videos"][0])[:2] == size


@pytest.mark.parametrize("parameters", [{"min_ratio": "wide"}, {"min_ratio": "0/2"}, {"min_ratio": 3, "max_ratio": 2}])
def test_ratios_that_are_none_are_refused(parameters):
    with pytest.raises(RecipeError, match="ratio"):
        load_recipe({"process": [{"video_resize_aspect_ratio_mapper": parameters}]})


def test_a_share_of_the_images_is_blurred_and_always_the_same(tmp_path):
    for number in range(40):
        made.image(tmp_path / f"{number}.png", 40, 40, seed=number)
    records = [{"text": "", "pictures": [f"{number}.png"]} for number in range(40)]
    blur = [{"image_blur_mapper": {"p": 0.4, "radius": 3}}]
    first = run(tmp_path, records, blur, image_key="pictures")
    blurred = [row["pictures"][0] for row in first if row["pictures"] != row["__dj__source_file__"]]
    assert 6 <= len(blurred) <= 26
    assert run(tmp_path, records, blur, image_key="pictures") == first
    from PIL import Image

    sharp = {row["pictures"][0]: row["__dj__source_file__"][0] for row in first}
    for name in blurred:
        before, after = (
            np.asarray(Image.open(path), float) for path in (tmp_path / sharp[name], tmp_path / "out" / name)
        )
        assert np.abs(np.diff(after, axis=1)).mean() < 0.8 * np.abs(np.diff(before, axis=1)).mean()


def test_images_in_records_are_not_replaced(tmp_path):
    import pyarrow as pa

    content = made.image(tmp_path / "a.png", 40, 40).read_bytes()
    table = pa.table({"text": ["one"], "images": [["a.png"]], "image_bytes": [[content]]})
    pq.write_table(table, tmp_path / "in.parquet")
    result = dj_assets.run_recipe(
        {"process": [{"image_blur_mapper": {"p": 1}}]}, [tmp_path / "in.parquet"], tmp_path / "out", workers=1
    )
    assert (result.samples_out, result.manifest.quarantined) == (0, 1)


def test_later_operators_see_the_new_files_and_dropped_samples_make_none(tmp_path):
    made.clip(tmp_path / "a.mp4", 6, seed=1)
    made.clip(tmp_path / "b.mp4", 6, seed=2)
    process = [
        {"text_length_filter": {"min_len": 5}},
        {"video_resize_resolution_mapper": {"min_width": 200}},
        {"video_resolution_filter": {"min_width": 150}},
    ]
    records = [{"text": "long enough", "videos": ["a.mp4"]}, {"text": "no", "videos": ["b.mp4"]}]
    rows = run(tmp_path, records, process)
    assert [row["text"] for row in rows] == ["long enough"]
    assert len([*(tmp_path / "out/media").glob("*/[!.]*")]) == 1
