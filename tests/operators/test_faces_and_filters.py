"""Operators over faces, frames of clips, and filters and noise over clips and sounds; values are computed again."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageFilter

import dj_assets
from dj_assets.errors import RecipeError, UserError
from dj_assets.home.home import output_layout
from dj_assets.media.faces import faces_in
from dj_assets.models.vision.yunet import YuNet
from dj_assets.recipe.load import load_recipe
from dj_assets.subset.made_media import unlisted
from tests.media import made
from tests.operators.audio.test_audio_filters import tone
from tests.paths import ROOT


def run(folder: Path, records: list[dict[str, object]], process: list[object], **keys: object) -> list[dict]:
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    recipe = {"process": process, "asset": {"subset": "s", "group": "g", "stats": "full"}, **keys}
    dj_assets.run_recipe(recipe, [folder / "in.jsonl"], folder / "out", workers=1, overwrite=True)
    return [row for path in sorted((folder / "out/refined").glob("*")) for row in pq.read_table(path).to_pylist()]


def statistics(folder: Path, name: str) -> list[object]:
    return pq.read_table(folder / "out/stats.parquet")[name].to_pylist()


def face(size: int = 200) -> Image.Image:
    """Draw a face: the detector of dlib looks for dark eyes, brows, a nose and a mouth on a light oval."""
    picture = Image.new("RGB", (size, size), (90, 90, 90))
    drawn = ImageDraw.Draw(picture)

    def oval(x: float, y: float, wide: float, high: float, grey: int) -> None:
        left, top = (0.5 + x - wide) * size, (0.5 + y - high) * size
        drawn.ellipse((left, top, left + 2 * wide * size, top + 2 * high * size), fill=(grey,) * 3)

    for x, y, wide, high, grey in ((0, 0, 0.3, 0.4, 190), (0, -0.3, 0.3, 0.14, 60)):
        oval(x, y, wide, high, grey)
    for side in (-0.13, 0.13):
        for y, wide, high, grey in ((-0.08, 0.085, 0.05, 120), (-0.07, 0.055, 0.028, 235), (-0.07, 0.026, 0.028, 30)):
            oval(side, y, wide, high, grey)
        oval(side, -0.14, 0.09, 0.018, 60)
    for y, wide, high, grey in ((0.06, 0.035, 0.1, 170), (0.13, 0.06, 0.025, 120), (0.24, 0.12, 0.035, 110)):
        oval(0, y, wide, high, grey)
    return picture.filter(ImageFilter.GaussianBlur(size / 110))


def faces(folder: Path) -> list[dict[str, object]]:
    """Write pictures of no, one and two faces; return records that list them."""
    for number in range(3):
        picture = Image.new("RGB", (500, 220), (90, 90, 90))
        for place in range(number):
            picture.paste(face(), (20 + 240 * place, 10))
        picture.save(folder / f"{number}.png")
    return [{"text": str(number), "images": [f"{number}.png"]} for number in range(3)]


def test_faces_are_counted_and_measured(tmp_path):
    import dlib

    records = [*faces(tmp_path), {"text": "none", "images": []}]
    process = [{"image_face_ratio_filter": {"max_ratio": 1}}, "image_face_count_filter"]
    assert [row["text"] for row in run(tmp_path, records, process)] == ["1", "none"]
    assert statistics(tmp_path, "face_counts") == [[0], [1], [2], []]
    detector = dlib.get_frontal_face_detector()
    for number, ratios in enumerate(statistics(tmp_path, "face_ratios")[:3]):
        found = detector(np.array(Image.open(tmp_path / f"{number}.png")))
        assert ratios == [max((box.area() for box in found), default=0) / (500 * 220)]
    large = face(200).resize((3200, 3200))
    [one] = faces_in(large)
    assert abs(one.width / 3200 - faces_in(face(200))[0].width / 200) < 0.1


def test_faces_are_found_by_the_file_of_a_detector(tmp_path):
    # the file finds squares of 32 white pixels, in the form of YuNet: it has four layers and no trained weights
    (tmp_path / "models").mkdir()
    (tmp_path / "models/squares.onnx").write_bytes((ROOT / "tests/fixtures/bright_squares.onnx").read_bytes())
    for number in range(3):
        picture = Image.new("RGB", (100, 150))
        for place in range(number):
            picture.paste((255, 255, 255), (32 * place, 64, 32 * place + 32, 96))
        picture.save(tmp_path / f"{number}.png")
    Image.open(tmp_path / "1.png").resize((3200, 4800), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    records = [{"text": name, "images": [f"{name}.png"]} for name in ("0", "1", "2", "large")]
    named = {"cv_classifier": "squares.onnx"}
    process = [{"image_face_ratio_filter": {"max_ratio": 1, **named}}, {"image_face_count_filter": {**named}}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    recipe = {"process": process, "asset": {"subset": "s", "group": "g", "stats": "full"}}
    models = tmp_path / "models"
    dj_assets.run_recipe(recipe, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1, models=models)
    assert statistics(tmp_path, "face_counts")[:3] == [[0], [1], [2]]
    assert statistics(tmp_path, "face_ratios")[:3] == [[0], [32 * 32 / 15_000], [32 * 32 / 15_000]]
    cascade = load_recipe({"process": [{"image_face_count_filter": {"cv_classifier": "haarcascade.xml"}}]})
    assert cascade.process == load_recipe({"process": ["image_face_count_filter"]}).process
    (models / "squares.onnx").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"squares\.onnx: is no model that OpenCV reads"):
        YuNet(models / "squares.onnx")


def test_people_are_tracked_by_the_file_of_a_detector(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/squares.onnx").write_bytes((ROOT / "tests/fixtures/bright_squares.onnx").read_bytes())

    def picture(number: int) -> Image.Image:
        drawn = Image.new("RGB", (160, 96))
        for left in (32, 96)[: 1 + (number < 30)]:
            drawn.paste((255, 255, 255), (left, 32, left + 32, 64))
        return drawn

    # more frames than are decoded at a time
    clip(tmp_path / "a.mkv", [picture(number) for number in range(70)])
    clip(tmp_path / "none.mkv", [Image.new("RGB", (160, 96))] * 3)
    crowd = Image.new("RGB", (320, 128))
    for left in range(0, 320, 64):
        for top in (0, 64):
            crowd.paste((255, 255, 255), (left, top, left + 32, top + 32))
    clip(tmp_path / "ten.mkv", [crowd] * 20)
    records = [{"text": name, "videos": [f"{name}.mkv"]} for name in ("a", "none", "ten")]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    named = {"face_model": "squares.onnx"}
    ratio = {"threshold": 0, "detect_interval": 4, **named}
    process = [{"video_face_ratio_filter": ratio}, {"video_human_tracks_extraction_mapper": named}]
    recipe = {"process": process, "asset": {"subset": "s", "group": "g", "stats": "full"}}
    models = tmp_path / "models"
    dj_assets.run_recipe(recipe, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1, models=models)
    assert statistics(tmp_path, "video_face_exist") == [[1], [0], [1]]
    rows = [row["__dj__meta__"] for row in pq.read_table(tmp_path / "out/refined").to_pylist()]
    assert [row["number_people_in_video"] for row in rows] == [[2], [0], [10]]
    # of ten people, five tracks are kept
    assert [len(track["faces"]) for track in rows[2]["human_tracks"][0]] == [20] * 5
    tracks = [(track["start"], len(track["faces"]), track["faces"][0]) for track in rows[0]["human_tracks"][0]]
    assert tracks == [(0, 70, [32, 32, 64, 64]), (0, 30, [96, 32, 128, 64])]


def test_only_faces_are_blurred(tmp_path):
    rows = run(tmp_path, faces(tmp_path), [{"image_face_blur_mapper": {"radius": 9, "scaleFactor": 1.2}}])
    assert rows[0]["images"] == ["0.png"]
    for number, row in enumerate(rows[1:], 1):
        before, after = Image.open(tmp_path / f"{number}.png"), Image.open(tmp_path / "out" / row["images"][0])
        wanted = before.copy()
        for box in faces_in(before):
            corners = (box.left, box.top, box.left + box.width, box.top + box.height)
            wanted.paste(before.crop(corners).filter(ImageFilter.GaussianBlur(9)), corners)
        assert np.array_equal(np.array(after), np.array(wanted))
        assert not np.array_equal(np.array(after), np.array(before))
    assert not [*unlisted(output_layout(tmp_path / "out"))], "prune leaves the new files"


def clip(path: Path, pictures: list[Image.Image]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"threads": "1", "g": "3", "crf": "12"})
        stream.width, stream.height, stream.pix_fmt = *pictures[0].size, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("interval", "share"), [(1, 0.5), (4, 0.5), (9, 0.0)])
def test_the_share_of_frames_with_a_face(tmp_path, interval, share):
    empty = Image.new("RGB", (200, 200), (90, 90, 90))
    clip(tmp_path / "a.mp4", [face(200)] * 4 + [empty] * 4)
    process = [{"video_face_ratio_filter": {"threshold": 0.5, "detect_interval": interval}}]
    kept = run(tmp_path, [{"text": "", "videos": ["a.mp4"]}, {"text": "", "videos": []}], process)
    assert statistics(tmp_path, "video_face_exist") == [[share], []]
    assert len(kept) == 1 + (share >= 0.5)


def test_faces_in_clips_are_blurred(tmp_path):
    empty = Image.new("RGB", (200, 200), (90, 90, 90))
    clip(tmp_path / "a.mp4", [empty, face(200), face(200), empty])
    clip(tmp_path / "b.mp4", [empty] * 3)
    process = [{"video_face_blur_mapper": {"radius": 9, "minNeighbors": 3, "cv_classifier": "any.xml"}}]
    records = [{"text": "", "videos": ["a.mp4", "b.mp4"]}, {"text": "", "videos": []}]
    rows = run(tmp_path, records, process)
    assert [row["videos"][1:] for row in rows] == [["b.mp4"], []]
    assert rows[0]["__dj__source_file__"] == ["a.mp4", "b.mp4"]
    before, after = frames_of(tmp_path / "a.mp4"), frames_of(tmp_path / "out" / rows[0]["videos"][0])
    assert len(after) == len(before) == 4
    for old, new in zip(before, after, strict=True):
        picture = Image.fromarray(old)
        for box in faces_in(picture):
            corners = (box.left, box.top, box.left + box.width, box.top + box.height)
            picture.paste(picture.crop(corners).filter(ImageFilter.GaussianBlur(9)), corners)
        # encoding changes pixels a little
        assert np.abs(np.array(picture, float) - np.array(new, float)).mean() < 3
    [box] = faces_in(Image.fromarray(before[1]))
    inside = np.s_[box.top : box.top + box.height, box.left : box.left + box.width]
    changes = [np.abs(old[inside].astype(float) - new[inside]).mean() for old, new in zip(before, after, strict=True)]
    assert min(changes[1:3]) > 4 * max(changes[0], changes[3], 1)


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({}, [0, 3, 6, 9]),
        ({"frame_sampling_method": "all_frames"}, list(range(12))),
        ({"frame_sampling_method": "uniform", "frame_num": 2}, [0, 11]),
        ({"frame_sampling_method": "uniform", "frame_num": 2, "duration": 0.6}, [0, 5, 6, 11]),
    ],
)
def test_frames_are_extracted(tmp_path, parameters, numbers):
    clip(tmp_path / "a.mp4", [made_picture(number) for number in range(12)])
    clip(tmp_path / "b.mp4", [made_picture(0)] * 3)
    process = [{"video_extract_frames_mapper": {"frame_field": "frames", "frame_dir": "x", **parameters}}]
    later = {"image_shape_filter": {"image_key": "frames", "max_width": 64}}
    records = [{"text": "<__dj__video> one", "videos": ["a.mp4", "b.mp4"]}]
    [row] = run(tmp_path, records, [*process, later])
    assert row["frames"][1] == [], "no mark in the text"
    pictures = frames_of(tmp_path / "a.mp4")
    for name, number in zip(row["frames"][0], numbers, strict=True):
        content = io.BytesIO()
        Image.fromarray(pictures[number]).save(content, "JPEG")
        assert (tmp_path / "out" / name).read_bytes() == content.getvalue()
    assert statistics(tmp_path, "image_width") == [[64] * len(numbers)]
    left = {
        surplus.path.relative_to(tmp_path / "out").as_posix() for surplus in unlisted(output_layout(tmp_path / "out"))
    }
    assert not left & set(row["frames"][0]), "prune leaves the listed frames"


def made_picture(number: int) -> Image.Image:
    picture = Image.new("RGB", (64, 48), (20 * number, 120, 255 - 20 * number))
    ImageDraw.Draw(picture).rectangle((4 * number, 8, 4 * number + 8, 30), fill=(255, 255, 255))
    return picture


def test_a_filter_of_ffmpeg_changes_clips(tmp_path):
    clip(tmp_path / "a.mp4", [made_picture(number) for number in range(6)])
    process = [{"video_ffmpeg_wrapped_mapper": {"filter_name": "scale", "filter_kwargs": {"width": 32, "height": 24}}}]
    [row] = run(tmp_path, [{"text": "", "videos": ["a.mp4"]}], process)
    before, after = frames_of(tmp_path / "a.mp4"), frames_of(tmp_path / "out" / row["videos"][0])
    assert [frame.shape for frame in after] == [(24, 32, 3)] * 6
    small = [np.array(Image.fromarray(frame).resize((32, 24), Image.Resampling.BICUBIC)) for frame in before]
    assert np.abs(np.array(small, float) - np.array(after, float)).mean() < 6
    [row] = run(tmp_path, [{"text": "", "videos": ["a.mp4"]}], ["video_ffmpeg_wrapped_mapper"])
    assert row["videos"] == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("video", {"filter_name": "movie", "filter_kwargs": {"filename": "/etc/passwd"}}),
        ("video", {"filter_name": "drawtext", "filter_kwargs": {"textfile": "/etc/passwd"}}),
        ("video", {"filter_name": "curves", "filter_kwargs": {"psfile": "/etc/passwd"}}),
        ("video", {"filter_name": "removelogo", "filter_kwargs": {"f": "/etc/passwd"}}),
        ("audio", {"filter_name": "arnndn", "filter_kwargs": {"m": "/etc/passwd"}}),
        ("audio", {"filter_name": "amovie"}),
    ],
)
def test_filters_that_reach_out_are_refused(name, parameters):
    with pytest.raises(RecipeError, match=r"may not open|known to open no file"):
        load_recipe({"process": [{f"{name}_ffmpeg_wrapped_mapper": parameters}]})


def test_a_filter_that_cannot_be_built_quarantines(tmp_path):
    clip(tmp_path / "a.mp4", [made_picture(0)] * 3)
    process = [{"video_ffmpeg_wrapped_mapper": {"filter_name": "scale", "filter_kwargs": {"no_such_option": 1}}}]
    assert run(tmp_path, [{"text": "", "videos": ["a.mp4"]}, {"text": "", "videos": []}], process)[0]["videos"] == []


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def test_sounds_are_filtered(tmp_path):
    tone(tmp_path / "a.wav", 0.5)
    process = [{"audio_ffmpeg_wrapped_mapper": {"filter_name": "volume", "filter_kwargs": {"volume": 0.5}}}]
    [row] = run(tmp_path, [{"text": "", "audios": ["a.wav"]}], process)
    before, after = samples(tmp_path / "a.wav"), samples(tmp_path / "out" / row["audios"][0])
    assert len(before) == len(after)
    assert np.abs(after - before / 2).max() <= 1.5
    assert row["__dj__source_file__"] == ["a.wav"]


def test_noise_has_its_amplitude_and_is_always_the_same(tmp_path):
    for number in range(12):
        tone(tmp_path / f"{number}.wav", 0.3 + number / 50)
    records = [{"text": "", "audios": [f"{number}.wav"]} for number in range(12)]
    noise = [{"audio_add_gaussian_noise_mapper": {"min_amplitude": 0.01, "max_amplitude": 0.02, "p": 0.5}}]
    first = run(tmp_path, records, noise)
    noisy = [row for row in first if row["audios"] != row["__dj__source_file__"]]
    assert 2 <= len(noisy) <= 10
    for row in noisy:
        added = samples(tmp_path / "out" / row["audios"][0]) - samples(tmp_path / row["__dj__source_file__"][0])
        assert 0.009 * 32767 < added.std() < 0.021 * 32767
    assert run(tmp_path, records, noise) == first
    with pytest.raises(RecipeError, match="not below max_amplitude"):
        load_recipe({"process": [{"audio_add_gaussian_noise_mapper": {"min_amplitude": 1, "max_amplitude": 1}}]})


def test_nested_lists_of_media_are_read_as_one(tmp_path):
    made.image(tmp_path / "a.png", 8, 8)
    made.image(tmp_path / "b.png", 8, 16)
    run(tmp_path, [{"text": "", "images": [["a.png"], ["b.png", "a.png"]]}], ["image_aspect_ratio_filter"])
    assert statistics(tmp_path, "aspect_ratios") == [[1.0, 0.5, 1.0]]
