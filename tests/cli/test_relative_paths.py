"""Commands in another folder than the project, with relative paths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

RECIPE = """
custom_operator_paths: operators
process:
  - image_aspect_ratio_filter: {min_ratio: 0.5, max_ratio: 2.0}
  - my_mapper:
  - document_deduplicator:
"""
OPERATOR = """
from dj_assets.operators.base import Mapper
from dj_assets.operators.registry import register

@register("my_mapper")
class MyMapper(Mapper):
    def apply(self, batch):
        return batch
"""


def cli(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dj_assets.cli", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=cwd, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recipe over images, its operator, a source, a reference set and an empty folder of models."""
    (tmp_path / "data").mkdir()
    (tmp_path / "operators").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "mine.yaml").write_text(RECIPE)
    (tmp_path / "operators/mine.py").write_text(OPERATOR)
    lines = []
    for number, width in enumerate([40, 60, 300, 50, 500]):
        Image.new("RGB", (width, 50)).save(tmp_path / f"data/{number}.png")
        lines.append(json.dumps({"text": f"<__dj__image> {width}", "images": [f"{number}.png"]}) + "\n")
    (tmp_path / "data/in.jsonl").write_text("".join(lines))
    (tmp_path / "test.jsonl").write_text(json.dumps({"text": "<__dj__image> 40"}) + "\n")
    return tmp_path


def test_relative_paths_start_in_the_current_folder(folder):
    given = ("--input", "data", "--against", "test.jsonl", "--models", "models")
    cli("validate", "mine.yaml", "--input", "data", cwd=folder)
    cli("plan", "mine.yaml", "--input", "data/*.jsonl", cwd=folder)
    done = cli("run", "mine.yaml", *given, "--output", "out", cwd=folder)
    assert "5 in = 2 kept + 3 dropped + 0 quarantined" in done.stdout
    assert (folder / "out/contact_sheets/image_aspect_ratio_filter.jpg").exists()
    run = json.loads((folder / "out/run.json").read_text())
    assert run["recipe"] == str(folder / "mine.yaml")
    assert [file["path"] for file in run["shards"]] == [str(folder / "data/in.jsonl")]

    for command in (("funnel",), ("runs",), ("verify",), ("explain", "--id", "in.jsonl:2"), ("rebuild",)):
        cli(command[0], "out", *command[1:], cwd=folder)
    assert cli("report", "out", cwd=folder).stdout.split() == [
        str(folder / "out/report.html"),
        str(folder / "out/dataset_card.md"),
    ]
    cli("tune", "mine.yaml", "--from", "out", "--write", "tuned.yaml", cwd=folder)
    assert (folder / "tuned.yaml").exists()
    cli("export", "out", "--output", "exported", "--format", "jsonl", cwd=folder)
    assert (folder / "exported").is_dir()
    # a later command starts in another folder, where the recipe cannot be found by its relative path
    (folder / "elsewhere").mkdir()
    cli("rebuild", "../out", cwd=folder / "elsewhere")
    cli("explain", "../out", "--id", "in.jsonl:2", cwd=folder / "elsewhere")
