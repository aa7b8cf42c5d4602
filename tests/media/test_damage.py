"""Media as hostile input: whatever a file holds, it is processed or costs its own sample, and the run ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import dj_assets
from tests.media import damage, made
from tests.media.test_image import bomb

PROCESS = [
    "image_size_filter",
    "image_aspect_ratio_filter",
    {"image_deduplicator": {"method": "dhash"}},
    "video_duration_filter",
    "video_resolution_filter",
    {"video_motion_score_filter": {"min_score": -1}},
    "video_deduplicator",
]
IMAGES, CLIPS = 48, 32


def run(folder: Path, records: list[dict[str, Any]], process: list[Any]) -> tuple[Any, dict[str, dict[str, Any]]]:
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    result = dj_assets.run_recipe({"process": process}, [folder / "in.jsonl"], folder / "out", workers=1)
    return result, {row["id"]: row for row in pq.read_table(folder / "out/quarantine.parquet").to_pylist()}


def listing(folder: Path, name: str, content: bytes | None = None) -> dict[str, Any]:
    if content is not None:
        (folder / name).write_bytes(content)
    kind = "videos" if Path(name).suffix in {".mp4", ".mkv"} else "images"
    return {"id": name, "text": name, kind: [name]}


@pytest.fixture
def healthy(tmp_path: Path) -> list[Path]:
    return [
        made.image(tmp_path / "a.jpg", 80, 60),
        made.image(tmp_path / "b.png", 80, 60, seed=1),
        made.image(tmp_path / "c.webp", 80, 60, seed=2),
        made.clip(tmp_path / "d.mp4", 20, seed=3),
        made.clip(tmp_path / "e.mkv", 20, seed=4),
    ]


def test_damaged_files_cost_themselves(tmp_path: Path, healthy: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_MEDIA_SECONDS", "20")
    records = [listing(tmp_path, path.name) for path in healthy]
    for seed, path in enumerate(healthy):
        count = CLIPS if path.suffix in {".mp4", ".mkv"} else IMAGES
        for number, content in enumerate(damage.variants(path.read_bytes(), count, seed)):
            records.append(listing(tmp_path, f"{path.stem}_{number}{path.suffix}", content))
    records.append(listing(tmp_path, "after.png", made.image(tmp_path / "after.png", seed=9).read_bytes()))
    result, quarantine = run(tmp_path, records, PROCESS)
    assert result.samples_in == len(records) == result.samples_out + result.dropped + result.quarantined
    assert 0 < result.quarantined < len(records)
    for name, row in quarantine.items():
        assert row["error"].startswith(f"{name}: ")
        assert row["operator"] in str(PROCESS)
    assert not {path.name for path in healthy} & set(quarantine)
    assert "after.png" not in quarantine


def test_what_is_refused_says_why(tmp_path: Path) -> None:
    made.image(tmp_path / "sub" / "good.png")
    made.image(tmp_path / "outside.png")
    (tmp_path / "sub" / "link.png").symlink_to(tmp_path / "outside.png")
    bomb(tmp_path / "sub" / "bomb.png", 30_000, 30_000)
    (tmp_path / "sub" / "empty.png").touch()
    reasons = {
        "good.png": None,
        "link.png": "outside of the media root",
        "../outside.png": "outside of the media root",
        "http://example.com/a.png": "is a URL",
        "missing.png": "no such file",
        "bomb.png": "30000 x 30000 pixels are more than the limit",
        "empty.png": "is no image that can be read",
    }
    records = [listing(tmp_path / "sub", name) for name in reasons]
    records.append({"id": "list", "text": "", "images": [1, 2]})
    _, quarantine = run(tmp_path / "sub", records, [{"image_deduplicator": {}}])
    assert quarantine.pop("list")["error"] == "images is no list of paths"
    assert {name: row["error"].partition(": ")[2] for name, row in quarantine.items()}.keys() == {
        name for name, reason in reasons.items() if reason
    }
    for name, row in quarantine.items():
        assert row["operator"] == "image_deduplicator"
        assert str(reasons[name]) in row["error"]


HOSTILE = """
from __future__ import annotations
import os, signal, time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
import pyarrow as pa
from dj_assets.operators.views.media_batch import media
from dj_assets.media.feature import ImageFeature
from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register

@dataclass(frozen=True)
class Hostile(ImageFeature[float]):
    def __call__(self, image: Any) -> float:
        if image.location.path.endswith("hang.png"):
            time.sleep(600)
        if image.location.path.endswith("crash.png"):
            os.kill(os.getpid(), signal.SIGSEGV)
        return 1.0

@register("hostile_filter")
class HostileFilter(ListRangeFilter):
    media: ClassVar = "images"
    statistics: ClassVar = (Statistic("hostile", pa.list_(pa.float64()), "ones"),)
    min_ratio: float = 0.0
    max_ratio: float = 2.0
    def features(self) -> tuple[Hostile]:
        return (Hostile(),)
    def measure(self, batch: Any) -> Mapping[str, pa.Array]:
        return {"hostile": pa.array(media(batch).values("images", Hostile()), pa.list_(pa.float64()))}
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("operators") / "hostile.py"
    path.write_text(HOSTILE)
    return path


@pytest.mark.parametrize("workers", [1, 2])
def test_a_decoder_that_hangs_or_crashes_costs_one_sample(
    tmp_path: Path, hostile: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJ_MEDIA_SECONDS", "2")
    names = ["a.png", "hang.png", "b.png", "crash.png", "c.png"]
    for seed, name in enumerate(names):
        made.image(tmp_path / name, seed=seed)
    lines = [json.dumps(listing(tmp_path, name)) + "\n" for name in names]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    recipe = {"custom_operator_paths": [str(hostile)], "process": ["image_shape_filter", "hostile_filter"]}
    result = dj_assets.run_recipe(recipe, [tmp_path / "in.jsonl"], tmp_path / "out", workers=workers)
    quarantine = pq.read_table(tmp_path / "out/quarantine.parquet").to_pylist()
    assert (result.samples_in, result.samples_out, result.dropped) == (5, 3, 0)
    assert {row["id"]: (row["operator"], row["error"]) for row in quarantine} == {
        "hang.png": ("hostile_filter", "hang.png: took longer than 2 s"),
        "crash.png": ("hostile_filter", "crash.png: the decoder crashed (SIGSEGV)"),
    }
