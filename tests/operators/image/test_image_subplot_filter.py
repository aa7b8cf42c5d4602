"""Grids of lines in images: the values of Data-Juicer's formula, and which samples are dropped."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

import dj_assets


def grid(path: Path, rows: int, columns: int, size: int = 480) -> Path:
    """Draw the frames of `rows` times `columns` plots."""
    picture = Image.new("RGB", (size, size), "white")
    drawn = ImageDraw.Draw(picture)
    for row in range(rows):
        for column in range(columns):
            left, top = column * size // columns + 14, row * size // rows + 14
            box = (left, top, left + size // columns - 28, top + size // rows - 28)
            drawn.rectangle(box, outline="black", width=3)
    picture.save(path)
    return path


def run(folder: Path, lists: dict[str, list[str]], **parameters: object) -> tuple[list[str], dict[str, dict]]:
    records = [{"id": name, "text": "", "images": images} for name, images in lists.items()]
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    recipe = {"process": [{"image_subplot_filter": parameters}]}
    dj_assets.run_recipe(recipe, [folder / "in.jsonl"], folder / "out", workers=1, overwrite=True)
    rows = [row["id"] for path in (folder / "out/refined").glob("*") for row in pq.read_table(path).to_pylist()]
    return rows, {row["id"]: row for row in pq.read_table(folder / "out/stats.parquet").to_pylist()}


def lines_of(path: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Find the lines of an image one by one."""
    grey = cv2.GaussianBlur(cv2.cvtColor(np.array(Image.open(path)), cv2.COLOR_RGB2GRAY), (5, 5), 0)
    found = cv2.HoughLinesP(cv2.Canny(grey, 70, 190), 1, np.pi / 180, 110, minLineLength=110, maxLineGap=18)
    across, down = [], []
    for x1, y1, x2, y2 in np.reshape(np.empty(0, int) if found is None else found, (-1, 4)):
        angle = 90.0 if x1 == x2 else np.degrees(np.arctan2(y2 - y1, x2 - x1))
        if min(abs(angle), abs(angle - 180)) <= 4:
            across.append((x1, y1, x2, y2))
        elif min(abs(angle - 90), abs(angle + 90)) <= 4:
            down.append((x1, y1, x2, y2))
    return across, down


def evenness(values: list[float], least: float) -> float:
    mean = np.mean(values)
    return max(0, 1 - np.std(values) / mean) * (0.5 if mean < least else 1) if mean else 0.0


def confidence(across: list, down: list, size: int = 480) -> float:
    if not across or not down:
        return 0.0
    score = 0.2 * min(len(across) / 3, 1) + 0.2 * min(len(down) / 3, 1)
    for lines, first in ((across, 1), (down, 0)):
        if len(lines) > 1:
            middles = sorted((line[first] + line[first + 2]) / 2 for line in lines)
            score += 0.15 * evenness(list(np.diff(middles)), 0.05 * size)
            lengths = [abs(int(line[3 - first]) - int(line[1 - first])) for line in lines]
            score += 0.05 * evenness(lengths, 0.3 * size)
    if len(across) > 1 and len(down) > 1:
        score += 0.2 * min(len(across) * len(down) / size**2 * 1000, 1)
    return min(score, 1.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    grid(tmp_path / "four.png", 2, 2)
    grid(tmp_path / "six.png", 2, 3)
    grid(tmp_path / "one.png", 1, 1)
    noise = np.random.default_rng(0).normal(128, 60, (480, 480)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).convert("RGB").save(tmp_path / "noise.png")
    Image.new("RGB", (3, 1)).save(tmp_path / "tiny.png")
    return tmp_path


def test_confidence_and_numbers_of_lines(folder):
    names = ["four", "six", "one", "noise", "tiny"]
    _, rows = run(folder, {name: [f"{name}.png"] for name in names})
    for name in names:
        across, down = lines_of(folder / f"{name}.png")
        assert rows[name]["horizontal_peak_count"] == [len(across)]
        assert rows[name]["vertical_peak_count"] == [len(down)]
        assert rows[name]["image_subplot_confidence"] == pytest.approx([confidence(across, down)])
    assert rows["four"]["image_subplot_confidence"][0] > 0.5 > rows["noise"]["image_subplot_confidence"][0]


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({}, ["plain", "none"]),
        ({"any_or_all": "all"}, ["plain", "mixed", "none"]),
        ({"min_confidence": 1.5}, ["plain", "mixed", "grids", "none"]),
        ({"min_horizontal_lines": 1000}, ["plain", "mixed", "grids", "none"]),
        ({"reversed_range": True}, ["mixed", "grids", "none"]),
        ({"reversed_range": True, "any_or_all": "all"}, ["grids", "none"]),
    ],
)
def test_which_samples_are_dropped(folder, parameters, kept):
    lists = {"plain": ["noise.png", "tiny.png"], "mixed": ["noise.png", "four.png"], "grids": ["four.png", "six.png"]}
    assert run(folder, {**lists, "none": []}, **parameters)[0] == kept
