"""Media that change under the same name: their source file is measured again, and no other."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dj_assets.home.layout import Layout
from dj_assets.media import file_stats
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import Options, Subset
from tests.documents import documents, write_jsonl
from tests.media import made

PROCESS = [{"image_shape_filter": {"min_width": 40}}]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two files of samples, the second over a tar archive and a picture that is not there."""
    folder = tmp_path / "source"
    folder.mkdir()
    made.image(folder / "a.png", 50, 50, seed=1)
    write(folder / "0.jsonl", ["a.png"])
    write(folder / "1.jsonl", ["b.tar/b.png"], ["c.png"], ["\ud800.png"], ["https://example.org/d.png"])
    archive(folder / "b.tar", 50)
    return folder


def write(path: Path, *listed: list[str]) -> None:
    path.write_text("".join(json.dumps({"text": "", "images": images}) + "\n" for images in listed))


def archive(path: Path, width: int) -> None:
    picture = made.image(path.parent.parent / "b.png", width, 50, seed=2)
    with tarfile.open(path, "w") as tar:
        tar.add(picture, "b.png")


def refined(source: Path) -> tuple[int, int, int]:
    """Return how many files were measured, how many samples kept and quarantined."""
    recipe = load_recipe({"process": PROCESS, "asset": {"subset": "pictures", "group": "mine"}})
    subset = Subset(recipe, [source / "*.jsonl"], Layout.home(source.parent / "home"), Options(workers=1))
    measured = subset.measure()
    subset.deduplicate()
    run = subset.refine()
    quarantined = pq.read_table(source.parent / "home/quarantine").num_rows
    return measured.files_measured, run.samples_out, quarantined


@pytest.mark.parametrize(
    ("change", "kept", "quarantined"),
    [
        (lambda folder: made.image(folder / "a.png", 20, 50, seed=1), 1, 3),
        (lambda folder: (folder / "a.png").unlink(), 1, 4),
        (lambda folder: made.image(folder / "c.png", 60, 50, seed=1), 3, 2),
        (lambda folder: archive(folder / "b.tar", 20), 1, 3),
        (lambda folder: os.utime(folder / "a.png", ns=(5, 5)), 2, 3),
    ],
    ids=["replaced", "removed", "came", "archive", "touched"],
)
def test_a_change_measures_its_shard_alone(
    source: Path, change: Callable[[Path], object], kept: int, quarantined: int
) -> None:
    assert refined(source) == (2, 2, 3)
    assert refined(source) == (0, 2, 3)
    change(source)
    assert refined(source) == (1, kept, quarantined)
    assert refined(source) == (0, kept, quarantined)


def test_a_subset_of_texts_asks_about_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(tmp_path / "a.jsonl", documents(20))
    monkeypatch.setattr(file_stats, "_file_stat", pytest.fail)
    recipe = load_recipe({"process": [{"text_length_filter": {}}], "asset": {"subset": "notes", "group": "mine"}})
    layout = Layout.home(tmp_path / "home")
    for measured in (1, 0):
        subset = Subset(recipe, [tmp_path / "a.jsonl"], layout, Options(workers=1))
        assert subset.measure().files_measured == measured
    assert "media" not in pq.read_schema(layout.measured("signatures", 0)).names
