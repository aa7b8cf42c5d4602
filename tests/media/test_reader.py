from __future__ import annotations

import pickle
import signal
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from dj_assets.errors import DjError
from dj_assets.media.answers import loaded, outcome_in
from dj_assets.media.faces import Face
from dj_assets.media.feature import MediaFeature
from dj_assets.media.headers import ClipDuration, ClipSize, FileBytes, ImageSize
from dj_assets.media.locations import MediaLocation
from dj_assets.media.pixels_of import Pixels
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Failed, Limits, Request
from dj_assets.media.thumbnails import ClipThumbnail, ImageThumbnail
from tests.media import features, made


@pytest.fixture
def reader() -> Iterator[MediaReader]:
    reader = MediaReader(Limits(seconds=1.0, memory_bytes=2_000_000_000))
    yield reader
    reader.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [made.image(tmp_path / name, seed=n) for n, name in enumerate(("a.png", "bad.png", "c.png"))]


def seen(reader: MediaReader, files: list[Path], *wanted: MediaFeature[Any]) -> list[list[object]]:
    return reader.read([Request(MediaLocation(str(file)), wanted) for file in files]).result(timeout=60)


def test_every_feature_has_its_outcome_in_order(reader: MediaReader, files: list[Path]) -> None:
    assert seen(reader, files, ImageSize(), FileBytes()) == [[(64, 48), file.stat().st_size] for file in files]


def test_an_error_of_a_feature_costs_that_feature(reader: MediaReader, files: list[Path]) -> None:
    failed = Failed("ZeroDivisionError: by nought")
    assert seen(reader, files, features.Raises(), ImageSize()) == [[failed, (64, 48)]] * 3


@pytest.mark.parametrize(
    ("feature", "reason"),
    [
        (features.Dies(signal.SIGSEGV), "the decoder crashed (SIGSEGV)"),
        (features.Dies(signal.SIGKILL), "the decoder crashed (SIGKILL)"),
        (features.Hangs(), "took longer than 1 s"),
    ],
)
def test_what_kills_the_process_costs_one_file(
    reader: MediaReader, files: list[Path], feature: MediaFeature[Any], reason: str
) -> None:
    first, second, third = seen(reader, files, ImageSize(), feature, FileBytes())
    assert second == [(64, 48), Failed(reason), Failed(reason)]
    for file, outcomes in ((files[0], first), (files[2], third)):
        assert outcomes == [(64, 48), file.stat().st_size, file.stat().st_size]


def test_outcomes_before_a_crash_are_there_whatever_their_size(reader: MediaReader, tmp_path: Path) -> None:
    """The crash is in the middle of files that were sent ahead, and one outcome exceeds the journal."""
    names = [f"{number}.png" for number in range(9)] + ["bad.png"] + [f"{number}.png" for number in range(10, 12)]
    files = [made.image(tmp_path / name, 800, 600, seed=n) for n, name in enumerate(names)]
    outcomes = seen(reader, files, ImageSize(), Pixels(), FileBytes(), features.Dies(), ImageSize())
    for file, (size, pixels, length, *after) in zip(files, outcomes, strict=True):
        assert (size, length) == ((800, 600), file.stat().st_size)
        assert np.array_equal(pixels, np.asarray(Image.open(file)))
        crashed = [Failed("the decoder crashed (SIGSEGV)")] * 2
        assert after == (crashed if file.name == "bad.png" else [length, (800, 600)])


def test_a_deadly_file_is_opened_once(reader: MediaReader, files: list[Path]) -> None:
    seen(reader, files[1:2], features.Dies())
    before = seen(reader, files[:1], features.ProcessId())
    assert seen(reader, files[1:2], ImageSize()) == [[Failed("the decoder crashed (SIGSEGV)")]]
    assert seen(reader, files[:1], features.ProcessId()) == before


@pytest.mark.parametrize("loaded", [False, True])
def test_a_process_that_ends_before_a_file_is_started_again(files: list[Path], tmp_path: Path, loaded: bool) -> None:
    reader = MediaReader(Limits(seconds=1.0, memory_bytes=2_000_000_000, sandbox="off"))
    try:
        if loaded:
            seen(reader, files, ImageSize())
        twice = features.EndsOnArrival(str(tmp_path / "twice"), 2)
        assert seen(reader, files, twice) == [[file.stat().st_size] for file in files]
        always = features.EndsOnArrival(str(tmp_path / "always"), 99)
        with pytest.raises(DjError, match=r"does not start: the decoder crashed \(SIGKILL\)"):
            seen(reader, files, always)
        assert seen(reader, files, FileBytes()) == [[file.stat().st_size] for file in files]
    finally:
        reader.close()


def test_a_process_that_cannot_begin_says_why(reader: MediaReader, files: list[Path]) -> None:
    with pytest.raises(DjError, match="does not start: PermissionError: no such module here"):
        seen(reader, files, features.CannotArrive())
    assert seen(reader, files[:1], FileBytes()) == [[files[0].stat().st_size]]


def test_an_answer_calls_nothing(reader: MediaReader, files: list[Path], tmp_path: Path) -> None:
    made.image(tmp_path / "bad.png")
    paths = [files[0], tmp_path / "bad.png", files[0]]
    feature = features.TakenOver(str(tmp_path / "made"))
    answers = reader.read([Request(MediaLocation(str(path)), (feature, FileBytes())) for path in paths]).result()
    advice = "return numbers, texts, arrays, or dataclasses of its module"
    refused = Failed(f"TakenOver returns an object of posix.mkdir; {advice}")
    assert [outcomes[0] for outcomes in answers] == [Face(1, 2, 3, 4), refused, Face(1, 2, 3, 4)]
    assert [outcomes[1] for outcomes in answers] == [path.stat().st_size for path in paths]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cdj_assets.system\nfork\n)R.",
        b"cdj_assets.media.child\nmain\n)R.",
        b"\x80\x04\x8c\x17dj_assets.media.request\x8c\x0fFailed.__eq__\x93.",
        b"\x80\x05\x8c\x03abc",
        b"nothing",
        b"",
        pickle.dumps(pytest.approx),
    ],
)
def test_only_data_is_unpickled(pickled: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        loaded(pickled)
    with pytest.raises(pickle.UnpicklingError):
        outcome_in(pickled, ())


@pytest.mark.parametrize(
    "value",
    [
        None, 3, "a", b"a", {1, 2}, Fraction(1, 3), np.arange(6).reshape(2, 3).T, np.float32(2), np.array([], np.uint8),
        Face(1, 2, 3, 4), Failed("a"), np.zeros((2, 3), order="F"), np.array(["a"]), np.arange(9)[::2],
    ],
    ids=str,
)  # fmt: skip
def test_values_come_back(value: object) -> None:
    np.testing.assert_equal(loaded(pickle.dumps(value, protocol=5)), value)


def test_memory_is_bounded(reader: MediaReader, files: list[Path]) -> None:
    first, second, third = seen(reader, files, features.Grows(), ImageSize())
    assert second == [Failed("needs more than 2000 MB of memory"), (64, 48)]
    assert [first[1], third[1]] == [(64, 48)] * 2


def test_a_feature_that_shows_signs_of_life_has_more_time(reader: MediaReader, tmp_path: Path) -> None:
    assert seen(reader, [made.clip(tmp_path / "a.mp4", 2)], features.SlowButAlive()) == [[8]]
    brief = MediaReader(Limits(seconds=0.5, memory_bytes=2_000_000_000, signs_of_life=2))
    assert seen(brief, [tmp_path / "a.mp4"], features.SlowButAlive()) == [[Failed("took longer than 0.5 s")]]
    brief.close()


def test_frames_that_several_features_need_are_decoded_together(reader: MediaReader, tmp_path: Path) -> None:
    wanted = features.Decodes((0, 3)), features.Decodes((3, 5))
    assert seen(reader, [made.clip(tmp_path / "a.mp4", 8)], *wanted) == [[1, 0]]


def test_the_process_ends_with_its_reader(files: list[Path]) -> None:
    reader = MediaReader()
    [[process]] = seen(reader, files[:1], features.ProcessId())
    assert psutil.pid_exists(process)
    reader.close()
    assert not psutil.pid_exists(process)


def test_closing_does_not_wait_for_what_hangs(files: list[Path]) -> None:
    reader = MediaReader(Limits(seconds=300, memory_bytes=2_000_000_000))
    seen(reader, files[:1], ImageSize())
    hanging = reader.read([Request(MediaLocation(str(file)), (features.Hangs(),)) for file in files[1:]])
    while not hanging.running():
        time.sleep(0.01)
    reader.close()
    assert isinstance(hanging.exception(timeout=10), DjError)


def test_opening_many_files_takes_no_more_memory(tmp_path: Path) -> None:
    reader = MediaReader()
    clip = made.clip(tmp_path / "a.mp4", 8, width=640, height=360)
    image = made.image(tmp_path / "a.jpg", 640, 480)
    requests = [
        Request(
            MediaLocation(str(clip)), (ClipSize(), ClipDuration(), ClipThumbnail(64), features.ResidentMegabytes())
        ),
        Request(MediaLocation(str(image)), (ImageSize(), ImageThumbnail(64), features.ProcessId())),
    ] * 200
    outcomes = reader.read(requests).result()
    reader.close()
    resident = [outcome[3] for outcome in outcomes[::2]]
    assert max(resident[20:]) - max(resident[:20]) < 6
    assert len({outcome[2] for outcome in outcomes[1::2]}) == 1


def test_a_new_process_takes_over_after_so_many_files(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dj_assets.media.reader.FILES_A_PROCESS", 4)
    reader = MediaReader()
    processes = [one for [one] in seen(reader, files[:1] * 10, features.ProcessId())]
    reader.close()
    assert [len(list(group)) for _, group in groupby(processes)] == [4, 4, 2]


def test_the_seconds_of_features_are_reported_once(reader: MediaReader, files: list[Path], tmp_path: Path) -> None:
    seen(reader, [made.clip(tmp_path / "a.mp4", 20)], features.SlowButAlive(), ClipSize())
    seen(reader, files, ImageSize())
    seconds = reader.take_seconds()
    assert set(seconds) == {features.SlowButAlive(), ClipSize(), ImageSize()}
    assert 0 < seconds[ImageSize()] < 5
    assert reader.take_seconds() == {}
