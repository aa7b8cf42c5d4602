from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.locations import MediaLocation
from dj_assets.media.motion import NO_PAIR, MotionScore, Resizing
from dj_assets.media.positions import Positions
from tests.media import made


def score(path: Path, feature: MotionScore | None = None) -> float:
    with OpenClip(MediaLocation(str(path))) as clip:
        return (feature or MotionScore())(clip)


def uneven(seed: int, frames: int = 60) -> list[int]:
    return np.random.default_rng(seed).integers(20, 300, frames).cumsum().tolist()


def sought(path: Path, position: int) -> str | None:
    """Return the frame that OpenCV reads at a position."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    capture.read()
    capture.set(cv2.CAP_PROP_POS_FRAMES, position)
    read, frame = capture.read()
    return hashlib.md5(frame.tobytes()).hexdigest() if read else None


@pytest.mark.parametrize("name", ["even.mp4", "even.mkv", "uneven_1.mp4", "uneven_2.mp4"])
def test_positions_are_those_that_opencv_seeks(tmp_path: Path, name: str) -> None:
    stamps = uneven(int(name[7])) if name.startswith("un") else None
    path = made.clip(tmp_path / name, 60, stamps=stamps, gop=15)
    capture, frames = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    while True:
        read, frame = capture.read()
        if not read:
            break
        frames.append(hashlib.md5(frame.tobytes()).hexdigest())
    fps, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    assert len(set(frames)) == 60
    with OpenClip(MediaLocation(str(path))) as clip:
        positions = Positions.of(clip, fps, count)
    for position in range(2, 61, 3):
        number = positions.frame_at(position)
        assert sought(path, position) == (frames[number] if number < 60 else None), position


def test_sampled_frames(tmp_path: Path) -> None:
    with OpenClip(MediaLocation(str(made.clip(tmp_path / "a.mp4", 20)))) as clip:
        positions = Positions.of(clip, 10.0, 20)
    assert positions.sampled(2) == [0, 1, 5, 10, 15]
    assert positions.sampled(10) == positions.sampled(99) == [0, 1, *range(1, 20)]
    assert positions.sampled(0.1) == [0, 1, 19]


def test_what_moves_scores_and_what_stands_does_not(tmp_path: Path) -> None:
    moving = score(made.clip(tmp_path / "a.mp4", 20))
    assert moving > 1
    diagonal = score(tmp_path / "a.mp4", MotionScore(relative=True))
    assert diagonal == pytest.approx(moving / np.hypot(96, 64), abs=1e-6)
    assert score(made.clip(tmp_path / "one.mp4", 1)) == NO_PAIR


def test_uneven_clips_end(tmp_path: Path) -> None:
    for seed in range(4):
        path = made.clip(tmp_path / f"{seed}.mp4", 60, stamps=uneven(seed), gop=15)
        assert score(path, MotionScore(sampling_fps=5)) > 0


def test_a_truncated_clip_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = made.clip(tmp_path / "a.mkv", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert score(path) > 1
    path.write_bytes(b"")
    with pytest.raises(MediaError, match="is no clip that can be read"):
        score(path)


@pytest.mark.parametrize(
    ("shape", "resizing", "target"),
    [
        ((120, 160), Resizing(), (120, 160)),
        ((120, 160), Resizing((64,)), (64, 85)),
        ((160, 90), Resizing((64,)), (113, 64)),
        ((120, 160), Resizing((64,), 80, 8), (56, 80)),
        ((96, 320), Resizing((64,), 80, 8), (24, 80)),
        ((120, 160), Resizing((64, 96)), (64, 96)),
        ((160, 90), Resizing((64, 96)), (96, 64)),
        ((360, 640), Resizing((224,), divisible=32), (224, 384)),
        ((121, 161), Resizing(max_size=100), (75, 100)),
    ],
)
def test_target_sizes(shape: tuple[int, int], resizing: Resizing, target: tuple[int, int]) -> None:
    assert resizing.target(*shape) == target
