"""Similarity of the frames of clips and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageOps

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.clip import ClipModel
from dj_assets.operators.video.video_frames_text_similarity_filter import VideoFramesTextSimilarityFilter
from tests.models.vision.tiny import CLIP
from tests.operators.vision import CPU, EOC, VIDEO, frames_of, measured, scored, write_clip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a.mp4", "b.mp4")):
        write_clip(tmp_path / name, seed)
    return tmp_path


def similarity(models: ModelStore, path: Path, numbers: list[int], text: str, mirror: bool = False) -> list[float]:
    folder = models.find(CLIP).path
    clip = ClipModel(folder, CPU)
    frames = [ImageOps.mirror(frame) if mirror else frame for frame in frames_of(path, numbers)]
    images = scored(ClipModel, "encode_images", folder, frames)
    return (images @ clip.encode_texts([text])[0] * clip.scale / 100).tolist()


def test_key_frames_of_all_clips_of_a_chunk(folder: Path, models: ModelStore) -> None:
    text = f"{VIDEO}{VIDEO} a cat {EOC} {VIDEO} the dog {EOC} nothing {EOC}{VIDEO}"
    record = {"text": text, "videos": ["a.mp4", "b.mp4", "a.mp4"]}
    (found,) = measured(VideoFramesTextSimilarityFilter(), folder, models, record)
    keys = [0, 4, 8]
    cat = [value for name in ("a.mp4", "b.mp4") for value in similarity(models, folder / name, keys, "a cat")]
    dog = similarity(models, folder / "a.mp4", keys, "the dog")
    assert found == pytest.approx([np.mean(cat), np.mean(dog)], abs=1e-5)


@pytest.mark.parametrize(("count", "numbers"), [(1, [5]), (2, [0, 9]), (3, [0, 5, 9])])
def test_frames_at_equal_distances(count: int, numbers: list[int], folder: Path, models: ModelStore) -> None:
    operator = VideoFramesTextSimilarityFilter(
        frame_sampling_method="uniform", frame_num=count, reduce_mode="max", horizontal_flip=True
    )
    ((found,),) = measured(operator, folder, models, {"text": f"{VIDEO} a cat", "videos": ["b.mp4"]})
    wanted = similarity(models, folder / "b.mp4", numbers, "a cat", mirror=True)
    assert found == pytest.approx(max(wanted), abs=1e-5)
