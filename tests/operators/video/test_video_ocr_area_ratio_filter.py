"""Texts in clips, by a detector of two layers in the form of DB, which takes bright pixels for text."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import MissingModelError, UserError
from dj_assets.models.vision.text_detector import TextDetector
from tests.operators.onnx_files import bright_texts

SIDE = 64


@pytest.fixture
def models(tmp_path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/bright.onnx").write_bytes(bright_texts(SIDE))
    return tmp_path / "models"


def picture(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    pixels = np.zeros((96, 128, 3), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    return pixels


def write_clip(path: Path, pictures: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"threads": "1"})
        stream.height, stream.width, _ = pictures[0].shape
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def test_the_area_is_that_of_wider_boxes(models):
    detector = TextDetector(models / "bright.onnx", SIDE)
    assert detector.ratio(picture()) == 0
    one = detector.ratio(picture((20, 30, 60, 60)))
    # DB makes a box wider by its area divided by its perimeter, times 2
    across, down = 40 / 128 * SIDE, 30 / 96 * SIDE
    more = 2 * 2 * across * down / (2 * (across + down))
    assert one == pytest.approx((across + more) * (down + more) / SIDE**2, rel=0.15)
    assert detector.ratio(picture((20, 10, 60, 30), (20, 60, 60, 80))) > one
    assert detector.ratio(picture((0, 0, 128, 96))) == 1
    assert detector.ratio(picture((20, 30, 60, 60))) == one


def test_clips_are_judged_by_their_frames(models, tmp_path):
    for name, seen in {"half": [(20, 30, 60, 60)], "none": []}.items():
        write_clip(tmp_path / f"{name}.mp4", [picture(*seen)] * 6)
    records = [{"text": name, "videos": [f"{name}.mp4"]} for name in ("half", "none")] + [{"text": "no clip"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    step = {"min_area_ratio": 0.1, "text_detector": "bright.onnx", "detector_size": SIDE, "languages_to_detect": ["en"]}
    recipe = {"process": [{"video_ocr_area_ratio_filter": step}]}
    dj_assets.run_recipe(recipe, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1, models=models)
    [part] = (tmp_path / "out/refined").iterdir()
    assert pq.read_table(part)["text"].to_pylist() == ["half", "no clip"]
    with pytest.raises(MissingModelError, match=r"text_detection_cn_ppocrv3_2023may\.onnx"):
        dj_assets.run_recipe(
            {"process": ["video_ocr_area_ratio_filter"]}, [tmp_path / "in.jsonl"], tmp_path / "other", workers=1
        )


def test_a_file_that_is_no_detector_is_one_line(models):
    (models / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"bad\.onnx: is no model that OpenCV reads") as caught:
        TextDetector(models / "bad.onnx", SIDE)
    assert "\n" not in str(caught.value)
