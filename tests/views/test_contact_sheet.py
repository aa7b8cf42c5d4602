from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dj_assets.subset import run_recipe
from dj_assets.views.contact_sheet import FOLDER, overview, write_sheets

RECIPE = {
    "project_name": "pictures",
    "process": [
        {"image_aspect_ratio_filter": {"min_ratio": 0.5, "max_ratio": 2.0}},
        {"text_length_filter": {"min_len": 1}},
    ],
}
RED, BLUE = (220, 30, 30), (30, 30, 220)


@pytest.fixture
def pictures(tmp_path):
    lines = []
    for number, width in enumerate([40, 60, 300, 50, 500, 45, 70]):
        Image.new("RGB", (width, 50), RED if width > 100 else BLUE).save(tmp_path / f"{number}.png")
        lines.append({"text": f"<__dj__image> {width} <|__dj__eoc|>", "images": [f"{number}.png"]})
    lines += [{"text": "nothing", "images": []}, {"text": "gone", "images": ["gone.png"]}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def run(folder, recipe=RECIPE):
    return run_recipe(recipe, [folder / "in.jsonl"], folder / "out", accompany=write_sheets)


def share(pixels, colour):
    return (np.abs(pixels.astype(int) - colour).max(axis=-1) < 40).mean()


def test_what_was_dropped_stands_on_the_left_and_what_passed_on_the_right(pictures):
    result = run(pictures)
    assert (result.samples_in, result.samples_out, result.quarantined) == (9, 6, 1)
    folder = result.folder / FOLDER
    assert sorted(path.name for path in folder.iterdir()) == ["image_aspect_ratio_filter.jpg", "overview.jpg"]
    pixels = np.asarray(Image.open(folder / "image_aspect_ratio_filter.jpg"))
    left, right = np.array_split(pixels, 2, axis=1)
    assert share(left, RED) > 0.001 > share(left, BLUE)
    assert share(right, BLUE) > 0.001 > share(right, RED)


def test_media_below_another_root_are_shown_for_inputs_relative_to_the_current_folder(pictures, monkeypatch):
    (pictures / "texts").mkdir()
    (pictures / "in.jsonl").rename(pictures / "texts/in.jsonl")
    monkeypatch.chdir(pictures / "texts")
    source = {"paths": "elsewhere.jsonl", "media_root": str(pictures)}
    recipe = RECIPE | {"asset": {"subset": "x", "group": "y", "source": source}}
    result = run_recipe(recipe, ["in.jsonl"], pictures / "out", workers=1, accompany=write_sheets)
    pixels = np.asarray(Image.open(result.folder / FOLDER / "image_aspect_ratio_filter.jpg"))
    assert share(pixels, RED) > 0.001 < share(pixels, BLUE)


def test_the_overview_is_compressed_until_it_fits(pictures):
    result = run(pictures)
    large = overview(result.folder, 100_000)
    small = overview(result.folder, len(large) - 1)
    assert 0 < len(small) < len(large)
    assert overview(result.folder, 10) == b""
    assert overview(pictures, 100_000) == b""


def test_a_recipe_that_looks_at_no_media_has_no_sheets(pictures):
    result = run(pictures, {"process": ["text_length_filter"]})
    assert not (result.folder / FOLDER).exists()


@pytest.mark.parametrize("fails", ["_sheet", "Display.shelves"])
def test_a_sheet_that_fails_is_left_out(pictures, monkeypatch, fails):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a picture")

    monkeypatch.setattr(f"dj_assets.views.contact_sheet.{fails}", broken)
    result = run(pictures)
    assert result.samples_out == 6
    pixels = np.asarray(Image.open(result.folder / FOLDER / "overview.jpg"))
    assert share(pixels, (32, 38, 46)) > 0.001, "the remark is drawn"
