from __future__ import annotations

import gc
import weakref
from pathlib import Path

import av
import numpy as np
import pytest

from dj_assets.errors import MediaError
from dj_assets.media import clip as clips
from dj_assets.media import decoders
from dj_assets.media.clip import OpenClip
from dj_assets.media.locations import MediaLocation
from dj_assets.media.motion import MotionScore
from tests.media import made


def opened(path: Path) -> OpenClip:
    return OpenClip(MediaLocation(str(path)))


def test_the_header(tmp_path: Path) -> None:
    with opened(made.clip(tmp_path / "a.mp4", 20)) as clip:
        assert (clip.width, clip.height, clip.fps, clip.duration) == (96, 64, 10.0, 2.0)
    with opened(made.clip(tmp_path / "a.mkv", 20)) as clip:
        assert clip.duration == pytest.approx(2.0)


def test_key_frames_and_frames_at_equal_distances(tmp_path: Path) -> None:
    with opened(made.clip(tmp_path / "a.mp4", 20)) as clip:
        assert clip.key_frames == (0, 8, 16)
        assert [clip.uniform(count) for count in (1, 2, 3, 5)] == [[10], [0, 19], [0, 10, 19], [0, 5, 10, 15, 19]]
    with opened(made.clip(tmp_path / "b.mp4", 5)) as clip:
        assert clip.uniform(5) == [0, 2, 3, 4, 4]
        assert clip.uniform(50) == clip.uniform(5)
    with opened(made.clip(tmp_path / "c.mp4", 1)) as clip:
        assert clip.uniform(3) == [0]


def test_without_decord_pyav_decodes_the_same_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.clip(tmp_path / "a.mp4", 20)
    with opened(path) as clip:
        assert clip.decoder.name == "decord"
        numbers, pixels, times = clip.uniform(5), clip.decoder.decode([0, 3, 19]), clip.decoder.starts_s
    monkeypatch.setattr(decoders, "has_decord", lambda: False)
    with opened(path) as clip:
        assert clip.decoder.name == "PyAV"
        assert (clip.uniform(5), clip.key_frames) == (numbers, (0, 8, 16))
        assert np.allclose(clip.decoder.starts_s, times)
        assert np.abs(clip.decoder.decode([0, 3, 19]).astype(int) - pixels).max() <= 2


@pytest.mark.parametrize("held_bytes", [clips.HELD_BYTES, 50_000])
def test_frames_come_in_the_order_asked_for(tmp_path: Path, held_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.clip(tmp_path / "a.mp4", 12)
    with opened(path) as clip:
        every = clip.decoder.decode(range(12))
    monkeypatch.setattr(clips, "HELD_BYTES", held_bytes)
    with opened(path) as clip:
        clip.announced = lambda: [7, 3]
        for numbers in ([3, 7], [7, 3, 3], [1, 11, 0], []):
            found = list(clip.rgb(numbers))
            assert [frame.tolist() for frame in found] == [every[number].tolist() for number in numbers]


def test_the_bytes_are_those_of_the_file(tmp_path: Path) -> None:
    path = made.clip(tmp_path / "a.mp4", 12)
    with opened(path) as file, OpenClip(MediaLocation("a", content=path.read_bytes())) as held:
        assert (held.width, held.duration, held.key_frames) == (file.width, file.duration, file.key_frames)
        assert held.packets_md5() == file.packets_md5()
        for one, other in zip(held.rgb([0, 5]), file.rgb([0, 5]), strict=True):
            assert np.array_equal(one, other)
        assert Path(held.local_path).read_bytes() == path.read_bytes()


def test_packets_are_those_of_another_container(tmp_path: Path) -> None:
    one, other, third = (
        made.clip(tmp_path / "a.mp4"),
        made.clip(tmp_path / "b.mp4"),
        made.clip(tmp_path / "c.mp4", seed=1),
    )
    assert opened(one).packets_md5() == opened(other).packets_md5() != opened(third).packets_md5()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        (b"", "it is empty"),
        (b"no clip", "it starts like no container"),
    ],
)
def test_a_file_of_a_known_format_is_said_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=f"is no clip that can be read: {name}"):
        _ = opened(tmp_path / "a.mp4").width


@pytest.mark.parametrize("content", [b"", b"no clip", bytes(3000)])
def test_what_is_no_clip_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError, match="is no clip that can be read"):
        _ = opened(tmp_path / "a.mp4").width
    with pytest.raises(MediaError, match="is no clip that can be read"):
        _ = opened(tmp_path / "a.mp4").key_frames


def test_a_clip_that_was_cut_off_is_refused_although_decoders_end_quietly(tmp_path: Path) -> None:
    path = made.clip(tmp_path / "a.avi", 60)
    with opened(path) as clip:
        assert len(list(clip.rgb([0, 59]))) == 2
        assert MotionScore()(clip) > 1
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with opened(path) as clip:
        for feature in (lambda: clip.uniform(3), lambda: clip.key_frames, lambda: MotionScore()(clip)):
            with pytest.raises(MediaError, match=r"^is cut off: \d+ of 60 frames are there$"):
                feature()


def test_of_two_streams_frames_are_of_the_best(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=10) for _ in range(2)]
        for stream, edge in zip(streams, (64, 128), strict=True):
            stream.width, stream.height, stream.pix_fmt = edge, edge, "yuv420p"
        for number in range(10):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(made.pixels(stream.width, stream.height, number), format="rgb24")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    with opened(path) as clip:
        assert (clip.width, clip.height) == (64, 64)
        assert [frame.shape for frame in clip.rgb([0, 9])] == [(128, 128, 3)] * 2


def test_a_closed_clip_holds_no_decoder(tmp_path: Path) -> None:
    path = made.clip(tmp_path / "a.mp4", 4)
    gc.disable()
    try:
        with opened(path) as clip:
            clip.announced = lambda: clip.uniform(3)
            list(clip.rgb([0, 3]))
            decoder = weakref.ref(clip.decoder)
        assert decoder() is None
    finally:
        gc.enable()
