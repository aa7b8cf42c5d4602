"""Parts of clips as new files: where a clip is cut, and that a part holds exactly its frames and its sound."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.clip_parts import ClipPart, PartsByKeyFrames, PartsOfDuration
from dj_assets.media.handed import Handed
from tests.media import made
from tests.paths import ROOT


def opened(path: Path) -> OpenClip:
    return OpenClip(Handed(str(path), path.stat().st_size, path.read_bytes()))


def frames(content: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(content)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def with_sound(path: Path, codec: str, seconds: float = 3.0, rate: int = 16_000) -> Path:
    """Write a clip of 10 frames a second with a tone, of which every second is louder than the one before."""
    wide = made.pixels(200, 64)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"threads": "1"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream(codec, rate=rate)
        sound.codec_context.layout = "mono"
        for number in range(round(10 * seconds)):
            picture = np.ascontiguousarray(wide[:, number : number + 96])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        time = np.arange(round(rate * seconds)) / rate
        wave = (np.sin(2 * np.pi * 440 * time) * (0.1 + 0.25 * np.floor(time)) * 30_000).astype(np.int16)
        kind = "fltp" if codec == "aac" else "s16"
        resampler = av.AudioResampler(format=kind, layout="mono", rate=rate)
        whole = av.AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
        whole.sample_rate = rate
        fifo = av.AudioFifo()
        for frame in resampler.resample(whole):
            fifo.write(frame)
        while frame := fifo.read(sound.codec_context.frame_size or 1024, partial=True):
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


ENCODE = """
import hashlib, sys
from dj_assets.media.clip_parts import ClipPart
from dj_assets.media.filtered import FilteredClip, FrameFilter
from tests.media.test_clip_parts import Path, opened
with opened(Path(sys.argv[1])) as clip:
    made = (ClipPart(0.0, 1.0), ClipPart(1.0, 2.0), FilteredClip(FrameFilter("hflip")))
    print([hashlib.sha256(one(clip)).hexdigest() for one in made])
"""


def test_bytes_do_not_depend_on_what_was_in_memory(tmp_path):
    path = made.clip(tmp_path / "a.mp4", frames=20, seed=20)
    found = {
        subprocess.run(
            [sys.executable, "-c", ENCODE, str(path)],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            # glibc fills memory with this byte before it gives it away
            env=os.environ | {"MALLOC_PERTURB_": byte},
        ).stdout
        for byte in ("1", "85", "254")
    }
    assert len(found) == 1


def test_a_part_has_the_frames_of_its_time(tmp_path):
    path = made.clip(tmp_path / "a.mp4", frames=30, gop=8)
    whole = frames(path.read_bytes())
    with opened(path) as clip:
        part = frames(ClipPart(1.0, 2.0)(clip))
        rest = frames(ClipPart(2.0)(clip))
    assert (len(part), len(rest)) == (10, 10)
    for start, cut in ((10, part), (20, rest)):
        for number, frame in enumerate(cut):
            distance = [float(np.mean(np.abs(frame.astype(int) - other))) for other in whole]
            assert int(np.argmin(distance)) == start + number


def test_a_part_is_the_same_every_time(tmp_path):
    path = made.clip(tmp_path / "a.mp4", frames=20)
    with opened(path) as clip, opened(path) as again:
        assert ClipPart(0.3, 1.5)(clip) == ClipPart(0.3, 1.5)(again)


@pytest.mark.parametrize(("name", "codec", "kept"), [("a.mp4", "aac", "aac"), ("a.mkv", "pcm_s16le", "aac")])
def test_the_sound_of_a_part_is_that_of_its_time(tmp_path, name, codec, kept):
    path = with_sound(tmp_path / name, codec)
    loudness = []
    with opened(path) as clip:
        for start in (0.0, 1.0, 2.0):
            content = ClipPart(start, start + 1)(clip)
            with av.open(io.BytesIO(content)) as container:
                sound = container.streams.audio[0]
                assert sound.codec_context.name == kept
                assert float(sound.duration * sound.time_base) == pytest.approx(1, abs=0.15)
                waves = [frame.to_ndarray().astype(float) for frame in container.decode(sound)]
            middle = np.concatenate([wave[0] for wave in waves])
            loudness.append(float(np.sqrt(np.mean(middle[len(middle) // 3 : -len(middle) // 3] ** 2))))
    assert loudness[1] == pytest.approx(3.5 * loudness[0], rel=0.15)
    assert loudness[2] == pytest.approx(6 * loudness[0], rel=0.15)


def test_odd_sides_are_kept(tmp_path):
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 33, 17, "bgr0"
        for number in range(5):
            picture = np.ascontiguousarray(made.pixels(60, 17)[:, number : number + 33])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    with opened(path) as clip:
        assert frames(ClipPart(0.0)(clip))[0].shape == (17, 33, 3)


@pytest.mark.parametrize(
    ("cut", "spans"),
    [
        (PartsOfDuration(1), [(0, 1), (1, 2), (2, None)]),
        (PartsOfDuration(1, least_last_s=0.6), [(0, 1), (1, 2)]),
        (PartsOfDuration(2, overlap_s=1), [(0, 2), (1, 2.5), (2, None)]),
        (PartsOfDuration(9), [(0, None)]),
        (PartsByKeyFrames(), [(0, 0.8), (0.8, 1.6), (1.6, 2.4), (2.4, None)]),
    ],
)
def test_where_a_clip_is_cut(tmp_path, cut, spans):
    with opened(made.clip(tmp_path / "a.mp4", frames=25, gop=8)) as clip:
        parts = cut(clip)
    assert [part.start_s for part in parts] == pytest.approx([start for start, _ in spans])
    assert [part.stop_s for part in parts][:-1] == pytest.approx([stop for _, stop in spans][:-1])
    assert parts[-1].stop_s == spans[-1][1]


def test_too_many_parts_are_refused(tmp_path):
    with opened(made.clip(tmp_path / "a.mp4", frames=20)) as clip, pytest.raises(MediaError, match="20,000 parts"):
        PartsOfDuration(0.0001)(clip)


def test_a_part_without_frames_is_refused(tmp_path):
    path = made.clip(tmp_path / "a.mp4", frames=20)
    with opened(path) as clip, pytest.raises(MediaError, match="has no frame from 50 s to 60 s"):
        ClipPart(50, 60)(clip)
