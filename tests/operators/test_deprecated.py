"""Custom operators over images and clips that were written for version 0.1.0 keep working, with a notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.media.headers import ImageSize
from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from tests.media import made, samples
from tests.paths import ROOT

OPERATOR = """
import sys
from dataclasses import dataclass
import pyarrow as pa
from dj_assets.media.headers import ClipSize, ImageSize
from dj_assets.media.look import ImageLook
from dj_assets.operators.base import Statistic
from dj_assets.operators.crops import Flips
from dj_assets.operators.media_filter import ListRangeFilter
from dj_assets.operators.registry import register

@dataclass(frozen=True)
class Width(ImageLook[int]):
    def __call__(self, image):
        return image.size[0]

@register("image_width_filter")
class ImageWidthFilter(ListRangeFilter):
    media = "images"
    bounds = ("min_width", "max_width")
    statistics = (Statistic("image_widths", pa.list_(pa.int64()), "pixels"),)
    min_width: int = 1
    max_width: int = sys.maxsize

    def looks(self):
        return (Width(),)

    def measure(self, batch):
        return {"image_widths": pa.array(batch.media.found("images", Width()), pa.list_(pa.int64()))}
"""
RUN = """
import dj_assets
if __name__ == "__main__":
    recipe = {"custom_operator_paths": ["widths.py"], "process": [{"image_width_filter": {"min_width": 50}}]}
    print(dj_assets.run_recipe(recipe, ["in.jsonl"], "out", workers=1).samples_out)
"""


def test_an_operator_of_an_earlier_version_keeps_working(tmp_path: Path) -> None:
    (tmp_path / "widths.py").write_text(OPERATOR)
    names = [made.image(tmp_path / f"{width}.png", width, 30).name for width in (40, 60)]
    records = [{"id": name, "text": name, "images": [name]} for name in names]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "run.py").write_text(RUN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "run.py"]
    run = subprocess.run(
        command, check=False, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "1"
    assert pq.read_table(tmp_path / "out/stats.parquet").column("image_widths").to_pylist() == [[40], [60]]
    for old, new in (
        ("dj_assets.media.look", "dj_assets.media.feature"),
        ("dj_assets.operators.media_filter", "dj_assets.operators.kinds.media_filter"),
        ("dj_assets.operators.crops", "dj_assets.operators.views.crops"),
    ):
        assert any(old in line and new in line for line in run.stderr.splitlines() if "FutureWarning" in line), old


def test_old_names_give_the_same_values_and_a_notice(tmp_path: Path) -> None:
    class Widths(ListRangeFilter):
        media = "images"
        bounds = ("low", "high")
        statistics = (Statistic("widths", pa.list_(pa.int64())),)
        low: int = 1
        high: int = 9

        def looks(self):
            return (ImageSize(),)

        def measure(self, batch):
            raise NotImplementedError

    with pytest.warns(FutureWarning, match="the method 'looks' of operators over media is deprecated; use 'features'"):
        assert Widths().features() == (ImageSize(),)
    made.image(tmp_path / "a.png", 40, 30)
    batch = samples([{"images": ["a.png"]}], tmp_path)
    with pytest.warns(FutureWarning, match=r"batch\.media is deprecated; use media\(batch\)"):
        seen = batch.media
    with pytest.warns(FutureWarning, match=r"batch\.media\.found is deprecated"):
        assert seen.found("images", ImageSize()) == [[(40, 30)]]
