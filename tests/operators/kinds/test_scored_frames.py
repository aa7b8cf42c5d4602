"""Filters over classified and rated frames: a number for every distinct path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.aesthetics import AestheticsPredictor
from dj_assets.models.vision.classifier import ImageClassifier
from dj_assets.operators.video.video_aesthetics_filter import VideoAestheticsFilter
from dj_assets.operators.video.video_nsfw_filter import VideoNsfwFilter
from dj_assets.operators.video.video_watermark_filter import VideoWatermarkFilter
from tests.models.vision.tiny import AESTHETICS, NSFW, WATERMARK
from tests.operators.vision import frames_of, measured, scored, write_clip

KEYS, UNIFORM = [0, 4, 8], [0, 5, 9]


@pytest.mark.parametrize(
    ("operator", "kind", "method", "name", "numbers"),
    [
        (VideoNsfwFilter, ImageClassifier, "probabilities", NSFW, KEYS),
        (VideoWatermarkFilter, ImageClassifier, "probabilities", WATERMARK, KEYS),
        (VideoAestheticsFilter, AestheticsPredictor, "scores", AESTHETICS, UNIFORM),
    ],
)
@pytest.mark.parametrize(("mode", "reduce"), [("avg", np.mean), ("max", max), ("min", min)])
def test_a_number_for_every_distinct_clip(
    operator: Any, kind: type, method: str, name: str, numbers: list[int], mode: str, reduce: Any,
    tmp_path: Path, models: ModelStore,
) -> None:  # fmt: skip
    for seed, clip in enumerate(("a.mp4", "b.mp4")):
        write_clip(tmp_path / clip, seed)
    records = [{"videos": ["b.mp4", "a.mp4", "b.mp4"]}, {"videos": []}]
    first, second = measured(operator(reduce_mode=mode), tmp_path, models, *records)
    wanted = []
    for clip in ("b.mp4", "a.mp4"):
        said = scored(kind, method, models.find(name).path, frames_of(tmp_path / clip, numbers))
        wanted.append(reduce((said[:, 1] if said.ndim == 2 else said / 10).tolist()))
    assert first == pytest.approx(wanted, abs=1e-5)
    assert second == []


def test_the_sampling_can_be_chosen(tmp_path: Path, models: ModelStore) -> None:
    write_clip(tmp_path / "a.mp4", 3)
    operator = VideoNsfwFilter(frame_sampling_method="uniform", frame_num=2)
    ((found,),) = measured(operator, tmp_path, models, {"videos": ["a.mp4"]})
    said = scored(ImageClassifier, "probabilities", models.find(NSFW).path, frames_of(tmp_path / "a.mp4", [0, 9]))
    assert found == pytest.approx(float(said[:, 1].mean()), abs=1e-5)
