"""Clips of every codec in every container, and the table of `docs/media_formats.md`.

`python -m tests.media.formats` makes the clips with the encoders of PyAV, reads them, and writes the tables.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.captures import AvCapture
from dj_assets.media.clip import OpenClip
from dj_assets.media.decoded_by import ClipDecodedBy
from dj_assets.media.locations import MediaLocation
from dj_assets.media.motion import MotionScore
from tests.paths import ROOT

# SVT-AV1 writes its settings to standard error otherwise
os.environ["SVT_LOG"] = "0"
PAGE = ROOT / "docs/media_formats.md"
FRAMES, RATE = 20, 25
# The encoders of a codec, the best first, and the pixels that they take.
ENCODERS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "H.264": (("libx264", "libopenh264"), "yuv420p"),
    "HEVC": (("libx265",), "yuv420p"),
    "VP8": (("libvpx",), "yuv420p"),
    "VP9": (("libvpx-vp9",), "yuv420p"),
    "AV1": (("libsvtav1", "libaom-av1"), "yuv420p"),
    "MPEG-1": (("mpeg1video",), "yuv420p"),
    "MPEG-2": (("mpeg2video",), "yuv420p"),
    "MPEG-4": (("mpeg4",), "yuv420p"),
    "ProRes": (("prores_ks", "prores"), "yuv422p10le"),
    "MJPEG": (("mjpeg",), "yuvj420p"),
    "FFV1": (("ffv1",), "yuv420p"),
    "GIF": (("gif",), "rgb8"),
    "Theora": (("libtheora",), "yuv420p"),
    "VVC": (("libvvenc",), "yuv420p"),
}
CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "ts", "mpg", "wmv", "flv", "ivf", "mxf", "gif")
SIZES = ((1, 1), (2, 2), (16, 16), (15, 17), (48, 36), (72, 50), (50, 50), (101, 77), (12, 130), (130, 2), (1022, 4))
UNEVEN = [*range(0, 400, 40), *range(1_000, 2_000, 100)]
_OPTIONS = {
    "libsvtav1": {"preset": "9"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
}


@dataclass(frozen=True)
class Clip:
    """A clip to make: what it holds, and what is unusual about it."""

    codec: str
    container: str
    frames: int = FRAMES
    size: tuple[int, int] = (96, 64)
    rate: int | Fraction = RATE
    pixels: str = ""
    key_every: int = 8
    stamps: Sequence[int] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    muxing: Mapping[str, str] = field(default_factory=dict)
    rotation: int = 0
    streams: int = 1
    sound: bool = False

    def write(self, path: Path) -> None:
        """Write the clip; an encoder or a container that FFmpeg does not have raises."""
        encoder = encoder_of(self.codec)
        assert encoder is not None, self.codec
        with usual_scheduling(), av.open(str(path), "w", options=dict(self.muxing)) as container:
            options = {"g": str(self.key_every), "threads": "1", **_OPTIONS.get(encoder, {}), **self.options}
            streams = [container.add_stream(encoder, rate=self.rate, options=options) for _ in range(self.streams)]
            for stream in streams:
                stream.width, stream.height = self.size
                stream.pix_fmt = self.pixels or ENCODERS[self.codec][1]
                if self.stamps is not None:
                    stream.codec_context.time_base = Fraction(1, 1000)
                if self.rotation:
                    stream.set_display_rotation(self.rotation)
            if self.sound:
                _write_sound(container)
            for number in range(self.frames):
                for stream in streams:
                    frame = av.VideoFrame.from_ndarray(picture(number, *self.size), format="rgb24")
                    if self.stamps is not None:
                        frame.pts, frame.time_base = self.stamps[number], Fraction(1, 1000)
                    container.mux(stream.encode(frame))
            for stream in streams:
                container.mux(stream.encode(None))


@contextmanager
def usual_scheduling() -> Iterator[None]:
    """Keep the priority of this thread. SVT-AV1 gives the thread of a process of root the highest real-time one.

    Programs that are started later inherit it. Two of them that wait busily leave no time to any other process.
    """
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


def _write_sound(container: av.container.OutputContainer) -> None:
    stream = container.add_stream("aac", rate=48_000)
    for number in range(20):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 48_000, 1024 * number
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def encoder_of(codec: str) -> str | None:
    """Return the encoder of a codec that this FFmpeg has."""
    return next((name for name in ENCODERS[codec][0] if name in av.codecs_available), None)


def picture(number: int, width: int, height: int) -> np.ndarray:
    """Return a picture in which a bright column moves to the right and a dark row moves down."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[:, np.arange(4 * number, 4 * number + max(1, width // 6)) % width] = (240, 200, 40)
    pixels[np.arange(2 * number, 2 * number + max(1, height // 8)) % height] = (20, 60, 160)
    return pixels


def by_pyav(path: Path) -> list[np.ndarray]:
    """Return every frame of the best video stream by PyAV alone, upright."""
    demuxer = "mpegts" if path.suffix == ".ts" else None
    with av.open(str(path), format=demuxer) as container:
        frames = container.decode(container.streams.best("video") or container.streams.video[0])
        return [np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90) for frame in frames]


@dataclass(frozen=True)
class Read:
    """What the operators get of a clip."""

    frames_by: str
    motion_by: str
    frames: Sequence[np.ndarray]
    uniform: Sequence[int]
    keys: Sequence[int]
    size: tuple[int, int]
    duration: float | None
    motion: float
    motion_by_pyav: float

    @classmethod
    def of(cls, path: Path) -> Read:
        """Read a clip as the features of operators do."""
        with OpenClip(MediaLocation(str(path))) as clip:
            count = len(clip.decoder)
            everything = clip.decoder.decode(range(count))
            # frames that are sought are those that are decoded in order
            for numbers in (clip.uniform(3), clip.key_frames):
                for number, frame in zip(numbers, clip.rgb(numbers), strict=True):
                    assert np.array_equal(frame, everything[number]), (path.name, number)
            return cls(
                frames_by=ClipDecodedBy("frames")(clip),
                motion_by=ClipDecodedBy("motion")(clip),
                frames=list(everything),
                uniform=clip.uniform(3),
                keys=clip.key_frames,
                size=(clip.width, clip.height),
                duration=clip.duration,
                motion=MotionScore()(clip),
                motion_by_pyav=MotionScore().of_capture(clip, AvCapture(clip.location)),
            )


def matrix(folder: Path) -> Iterator[tuple[str, str, Path | None]]:
    """Write a clip of every codec in every container; yield both, and the file: None if FFmpeg writes no such file."""
    for codec in ENCODERS:
        for container in CONTAINERS if encoder_of(codec) else ():
            path = folder / f"{codec}.{container}"
            try:
                Clip(codec, container).write(path)
                has_frames = len(by_pyav(path)) > 0
            except (av.FFmpegError, ValueError, IndexError):
                has_frames = False
            yield codec, container, path if has_frames else None


# What is unusual about a clip, by the name of its file.
VARIANTS: Mapping[str, Clip] = {
    **{f"{width}x{height}.mkv": Clip("FFV1", "mkv", size=(width, height)) for width, height in SIZES},
    **{f"av1_{width}x{height}.mp4": Clip("AV1", "mp4", 8, size=(width, height)) for width, height in SIZES[3:8]},
    **{f"{count}_frames.ts": Clip("H.264", "ts", count) for count in (1, 2, 3, 12, 120, 300)},
    **{f"{count}_frames.mp4": Clip("H.264", "mp4", count) for count in (1, 2, 3, 300)},
    **{f"{count}_frames.mkv": Clip("H.264", "mkv", count) for count in (1, 2, 3)},
    **{f"av1_{count}_frames.mp4": Clip("AV1", "mp4", count) for count in (1, 2, 3, 60)},
    **{f"turned_{angle}.mp4": Clip("H.264", "mp4", rotation=angle) for angle in (90, 180, 270)},
    "turned_av1.mp4": Clip("AV1", "mp4", rotation=90),
    "turned_narrow.mp4": Clip("H.264", "mp4", size=(96, 48), rotation=90),
    "turned_wide.mp4": Clip("H.264", "mp4", size=(48, 96), rotation=90),
    "uneven.mp4": Clip("H.264", "mp4", stamps=UNEVEN),
    "uneven_av1.mkv": Clip("AV1", "mkv", stamps=UNEVEN),
    "late.mp4": Clip("H.264", "mp4", stamps=[5_000 + 40 * number for number in range(FRAMES)]),
    "late_av1.mkv": Clip("AV1", "mkv", stamps=[5_000 + 40 * number for number in range(FRAMES)]),
    "10_bit.mp4": Clip("HEVC", "mp4", pixels="yuv420p10le", key_every=250),
    "10_bit_av1.mp4": Clip("AV1", "mp4", pixels="yuv420p10le"),
    "4_4_4.mp4": Clip("H.264", "mp4", pixels="yuv444p"),
    "grey.mp4": Clip("H.264", "mp4", pixels="gray"),
    "transparent.webm": Clip("VP9", "webm", pixels="yuva420p"),
    "open_group.mkv": Clip("H.264", "mkv", 60, options={"x264-params": "open-gop=1"}),
    "b_frames.mp4": Clip("MPEG-2", "mp4", 60, options={"bf": "2"}),
    "b_frames.avi": Clip("MPEG-2", "avi", 60, options={"bf": "2"}),
    "two_streams.mp4": Clip("H.264", "mp4", streams=2),
    "with_sound.mp4": Clip("H.264", "mp4", sound=True),
    "with_sound_av1.mp4": Clip("AV1", "mp4", sound=True),
    "fragments.mp4": Clip("H.264", "mp4", muxing={"movflags": "frag_keyframe+empty_moov"}),
    "fragments_av1.mp4": Clip("AV1", "mp4", muxing={"movflags": "frag_keyframe+empty_moov"}),
    "live.webm": Clip("VP9", "webm", muxing={"live": "1"}),
    "live_av1.webm": Clip("AV1", "webm", muxing={"live": "1"}),
}


def tables(folder: Path) -> dict[str, str]:
    """Return the tables of the page as Markdown, by the names of their marks."""
    rows: dict[str, list[str]] = {codec: [] for codec in ENCODERS}
    motion: dict[str, str] = {}
    for codec, _, path in matrix(folder):
        if path is None:
            rows[codec].append("–")
            continue
        try:
            read = Read.of(path)
        except MediaError as error:
            rows[codec].append(f"no: {error}")
            continue
        rows[codec].append(read.frames_by)
        motion[codec] = read.motion_by
    head = f"| codec | {' | '.join(CONTAINERS)} | motion |\n|{' --- |' * (len(CONTAINERS) + 2)}"
    body = [f"| {codec} | {' | '.join(cells)} | {motion.get(codec, '–')} |" for codec, cells in rows.items() if cells]
    lacking = ", ".join(codec for codec in ENCODERS if encoder_of(codec) is None) or "none"
    return {"codecs": "\n".join([head, *body]), "lacking": f"Codecs without an encoder here, not tried: {lacking}."}


def page_with(page: str, parts: Mapping[str, str]) -> str:
    """Return the page with the text between `<!-- NAME -->` and `<!-- end -->` replaced for each name."""
    for name, text in parts.items():
        page = re.sub(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", rf"\g<1>{text}\g<2>", page, flags=re.DOTALL)
    return page


def main() -> None:
    """Write the tables into the page."""
    av.logging.set_level(av.logging.PANIC)
    with TemporaryDirectory() as folder:
        parts = tables(Path(folder))
    PAGE.write_text(page_with(PAGE.read_text("utf-8"), parts), "utf-8")
    sys.stdout.write(parts["codecs"] + "\n")


if __name__ == "__main__":
    main()
