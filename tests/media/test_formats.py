"""What operators get of clips in many formats, against PyAV alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import MediaError
from dj_assets.media.captures import AvCapture
from dj_assets.media.clip import OpenClip
from dj_assets.media.decoded_by import DECODERS
from dj_assets.media.locations import MediaLocation
from dj_assets.media.motion import NO_PAIR, MotionScore
from tests.media import formats
from tests.media.formats import VARIANTS, Clip, Read, by_pyav


def opened(path: Path) -> OpenClip:
    return OpenClip(MediaLocation(str(path)))


def compare(path: Path, *, nearly: float = 0.0) -> Read:
    """Read a clip, and compare it with what PyAV alone gives.

    Frames of decord may differ `nearly` in the mean: it makes 8 bits of 10, and colours at odd edges, by other rules.
    """
    frames, read = by_pyav(path), Read.of(path)
    assert len(read.frames) == len(frames)
    for number, (frame, expected) in enumerate(zip(read.frames, frames, strict=True)):
        assert frame.shape == expected.shape
        difference = np.abs(frame.astype(int) - expected).mean()
        assert difference <= (nearly if read.frames_by == "decord" else 0), number
    with av.open(str(path), format="mpegts" if path.suffix == ".ts" else None) as container:
        stream = container.streams.video[0]
        assert read.size == (stream.width, stream.height)
        best = container.streams.best("video") or stream
        packets = [packet for packet in container.demux(best) if packet.size]
    if all(packet.pts is not None for packet in packets):
        stamps = sorted((packet.pts, packet.is_keyframe) for packet in packets)
        assert list(read.keys) == [number for number, (_, key) in enumerate(stamps) if key]
    if not nearly:
        assert read.motion == pytest.approx(read.motion_by_pyav, rel=0.02, abs=0.02)
    return read


def test_every_codec_in_every_container(tmp_path: Path) -> None:
    made = {(codec, container): path for codec, container, path in formats.matrix(tmp_path) if path is not None}
    assert len(made) > 50
    assert ("AV1", "mp4") in made
    for (_codec, _container), path in made.items():
        read = compare(path)
        if path.suffix != ".mpg":
            assert read.duration == pytest.approx(formats.FRAMES / formats.RATE, abs=0.09), path.name
        assert read.motion > 0.1, path.name
        assert list(read.uniform) in ([0, 10, 19], [0, 9, 19]), path.name


@pytest.mark.parametrize("name", VARIANTS)
def test_unusual_clips(tmp_path: Path, name: str) -> None:
    clip, path = VARIANTS[name], tmp_path / name
    clip.write(path)
    odd = any(side % 2 for side in clip.size)
    # streams of equal rank are encoded with other numbers of bits
    read = compare(path, nearly=6.0 if odd or "10" in clip.pixels else 0.1 * (clip.streams > 1))
    assert len(read.frames) == clip.frames
    assert (read.motion == NO_PAIR) == (clip.frames == 1)
    if clip.stamps is not None:
        assert list(read.uniform) == [0, 10, 19], "the frame in the middle of the time"


def test_the_page_has_the_table_of_these_versions(tmp_path: Path) -> None:
    page = formats.PAGE.read_text("utf-8")
    assert formats.page_with(page, formats.tables(tmp_path)) == page


def test_the_motion_of_av1_is_that_of_its_frames(tmp_path: Path) -> None:
    """The frames that PyAV alone decodes, in a file without loss that OpenCV reads, have the same score."""
    Clip("AV1", "mp4", 60).write(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "lossless.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=formats.RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for pixels in by_pyav(tmp_path / "a.mp4"):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with opened(tmp_path / "a.mp4") as clip, opened(tmp_path / "lossless.mkv") as same:
        assert MotionScore()(clip) == MotionScore()(same) > 1


def test_frames_that_no_library_decodes_are_said_with_their_codec(tmp_path: Path) -> None:
    """The packets of this clip hold noise; its header is whole."""
    Clip("AV1", "ivf").write(tmp_path / "a.ivf")
    content = bytearray((tmp_path / "a.ivf").read_bytes())
    start = 32
    while start < len(content):
        size = int.from_bytes(content[start : start + 4], "little")
        # each unit keeps its first 2 bytes, a temporal delimiter
        content[start + 14 : start + 12 + size] = bytes(index % 251 for index in range(size - 2))
        start += 12 + size
    (tmp_path / "b.ivf").write_bytes(content)
    for feature in (MotionScore(), lambda clip: clip.decoder.decode([0])):
        with opened(tmp_path / "b.ivf") as clip, pytest.raises(MediaError, match="av1"):
            feature(clip)


@pytest.mark.parametrize(
    ("container", "mark", "other"),
    [("mp4", b"avc1", b"evc1"), ("mkv", b"V_MPEG4/ISO/AVC", b"V_NEWCODEC/V1.0")],
)
def test_a_codec_that_no_library_knows_is_said_by_its_mark(
    tmp_path: Path, container: str, mark: bytes, other: bytes
) -> None:
    path = tmp_path / f"a.{container}"
    Clip("H.264", container).write(path)
    assert mark in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(mark, other))
    for feature in (lambda clip: clip.width, lambda clip: clip.key_frames, MotionScore()):
        with opened(path) as clip, pytest.raises(MediaError, match=f"codec is not known here .{other[:6].decode()}"):
            feature(clip)


def test_a_recording_that_starts_within_a_group_of_pictures_is_read(tmp_path: Path) -> None:
    Clip("H.264", "ts", 60, options={"x264-params": "repeat-headers=1"}).write(tmp_path / "a.ts")
    content = (tmp_path / "a.ts").read_bytes()
    # what was recorded before is missing: the first key frame, and its parameters
    (tmp_path / "b.ts").write_bytes(content[: 188 * 3] + content[188 * 12 :])
    with opened(tmp_path / "b.ts") as clip:
        assert 40 < len(clip.decoder) < 60
        assert len(list(clip.rgb(clip.uniform(3)))) == 3
        assert MotionScore().of_capture(clip, AvCapture(clip.location)) > 1


def test_statistics_of_clips_that_were_misread_are_measured_again(tmp_path: Path) -> None:
    for name, clip in {"a": Clip("AV1", "mp4"), "b": Clip("H.264", "mp4")}.items():
        clip.write(tmp_path / f"{name}.mp4")
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": name, "text": name, "videos": [f"{name}.mp4"]}))
    recipe = {"process": [{"video_motion_score_filter": {"min_score": 0.1}}]}
    inputs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]

    def run() -> tuple[str, dict[str, int]]:
        result = dj_assets.run_recipe(recipe, inputs, tmp_path / "out", workers=1)
        written = {path.stem: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("stats/*.parquet")}
        return json.dumps(pq.read_table(tmp_path / "out/stats.parquet").to_pylist()) + str(result.samples_out), written

    first, measured = run()
    assert len(measured) == 2
    for manifest in (tmp_path / "out/.dj/shards").glob("*.json"):
        content = json.loads(manifest.read_text("utf-8"))
        assert content.pop("decoders") == DECODERS
        del content["checksum"]
        manifest.write_text(json.dumps(content), "utf-8")
    again, after = run()
    assert again == first
    changed = {name for name in measured if measured[name] != after[name]}
    assert len(changed) == 1, "only the clip of AV1 was misread by the version that recorded no decoders"
    assert run()[1] == after, "what was checked once is not checked again"


def test_the_encoder_of_av1_leaves_the_priority_of_this_process(tmp_path: Path) -> None:
    """As root, it takes the highest real-time one, which every program of later tests would inherit."""
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    Clip("AV1", "mp4", 3).write(tmp_path / "a.mp4")
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
