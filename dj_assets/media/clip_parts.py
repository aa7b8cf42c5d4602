"""Parts of clips as new files: where a clip is cut, and how a part is encoded."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.containers import open_container
from dj_assets.media.feature import ClipFeature
from dj_assets.media.frames import known
from dj_assets.media.h264 import h264_stream, set_size
from dj_assets.media.making import NewClip

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Takes the pixels of a frame, `uint8`, shape `(height, width, 3)`, and returns those of the new one, or the same array.
Painter = Callable[[np.ndarray], np.ndarray]
# A header may claim any duration; a clip that would give more parts is refused.
MOST_PARTS = 10_000
# Codecs of sound that an MP4 file may hold; sound of another one is encoded as AAC.
_COPIED_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
# Frames between two signs of life of the encoder.
_FRAMES_A_SIGN = 10
# Time stamps are rounded to the clock of a stream.
_SLACK_S = 1e-6
_MICROSECOND = Fraction(1, 1_000_000)


@dataclass(frozen=True)
class ClipPart(NewClip):
    """Make a file of the part of a clip from `start_s` to `stop_s` seconds, or to its end.

    The frames are decoded and encoded again as H.264 by one thread, so that a part may begin at any frame and is the
    same on every machine. Sound is copied if MP4 files may hold its codec, else encoded as AAC. With `size`, the frames
    are scaled to this width and height.
    """

    suffix: ClassVar[str] = ".mp4"
    decoded_for: ClassVar[None] = None

    start_s: float
    stop_s: float | None = None
    size: tuple[int, int] | None = None

    def painter(self) -> Painter | None:
        """Return a function that changes the pixels of each frame, None if they stay."""
        return None

    def __call__(self, clip: OpenClip) -> bytes:
        """Return the content of the new file.

        Raises
        ------
        MediaError
            If the part has no frame, or cannot be decoded or encoded.
        """
        import av

        content = io.BytesIO()
        end = "its end" if self.stop_s is None else f"{self.stop_s:g} s"
        with open_container(clip.location) as source:
            video = known(next(iter(source.streams.video), None))
            sound = next(iter(source.streams.audio), None)
            try:
                with av.open(content, "w", "mp4") as new:
                    # every track is declared before the first packet is written
                    frames = _Frames(clip, source, video, new, self)
                    sounds = _Sound(source, sound, new) if sound else None
                    count = frames.write(self.start_s, self.stop_s)
                    if sounds is not None:
                        sounds.write(self.start_s, self.stop_s)
            except av.FFmpegError as error:
                raise MediaError(f"cannot be cut from {self.start_s:g} s to {end}: {error.strerror}") from None
        if not count:
            raise MediaError(f"has no frame from {self.start_s:g} s to {end}")
        return content.getvalue()


class _Frames:
    """Encode frames of a clip into a new file."""

    def __init__(
        self,
        clip: OpenClip,
        source: InputContainer,
        stream: VideoStream,
        new: OutputContainer,
        part: ClipPart,
    ) -> None:
        self.clip, self.source, self.stream, self.new = clip, source, stream, new
        self.paint = part.painter()
        stream.codec_context.thread_count = 1
        self.encoder = h264_stream(new, stream)
        set_size(self.encoder, *(part.size or (stream.width, stream.height)))

    def write(self, start_s: float, stop_s: float | None) -> int:
        """Write the frames of a part; return their number."""
        from av.video.frame import PictureType

        time_base = self.stream.time_base or Fraction(1, 90_000)
        self.encoder.codec_context.time_base = time_base
        first = count = 0
        for shown, frame in self._shown(start_s, stop_s):
            first = first if count else shown
            even = self._painted(frame).reformat(self.encoder.width, self.encoder.height, self.encoder.pix_fmt)
            even.pts, even.time_base, even.pict_type = shown - first, time_base, PictureType.NONE
            self.new.mux(self.encoder.encode(even))
            count += 1
            if count % _FRAMES_A_SIGN == 0:
                self.clip.still_alive()
        if count:
            self.new.mux(self.encoder.encode(None))
        return count

    def _painted(self, frame: VideoFrame) -> VideoFrame:
        from av.video.frame import VideoFrame as Frame

        if self.paint is None:
            return frame
        pixels = frame.to_ndarray(format="rgb24")
        painted = self.paint(pixels)
        return frame if painted is pixels else Frame.from_ndarray(painted, "rgb24")

    def _shown(self, start_s: float, stop_s: float | None) -> Iterator[tuple[int, VideoFrame]]:
        begin = _seek(self.source, self.stream, start_s)
        for number, frame in enumerate(self.source.decode(self.stream)):
            if number % _FRAMES_A_SIGN == 0:
                self.clip.still_alive()
            if frame.pts is None or frame.time - begin < start_s - _SLACK_S:
                continue
            if stop_s is not None and frame.time - begin >= stop_s - _SLACK_S:
                return
            yield frame.pts, frame


class _Sound:
    """Copy the sound of a clip into a new file, or encode it as AAC."""

    def __init__(self, source: InputContainer, stream: AudioStream, new: OutputContainer) -> None:
        self.source, self.stream, self.new = source, stream, new
        stream.codec_context.thread_count = 1
        self.copied = stream.codec_context.name in _COPIED_SOUND
        rate = stream.rate if stream.rate in _AAC_RATES else 48_000
        self.track = (
            new.add_stream_from_template(stream) if self.copied else new.add_stream("aac", rate=rate, layout="stereo")
        )

    def write(self, start_s: float, stop_s: float | None) -> int:
        """Write the sound of a part; return the number of packets or frames."""
        begin = _seek(self.source, self.stream, start_s)
        write = self._copy if self.copied else self._encode
        return write(begin + start_s, math.inf if stop_s is None else begin + stop_s)

    def _copy(self, start_s: float, stop_s: float) -> int:
        count = 0
        time_base = self.stream.time_base or _MICROSECOND
        first = round(start_s / time_base)
        for packet in self.source.demux(self.stream):
            if packet.pts is None or packet.dts is None or packet.pts * time_base < start_s:
                continue
            if packet.pts * time_base >= stop_s:
                break
            packet.pts, packet.dts, packet.stream = packet.pts - first, packet.dts - first, self.track
            self.new.mux(packet)
            count += 1
        return count

    def _encode(self, start_s: float, stop_s: float) -> int:
        from av.audio.resampler import AudioResampler

        resampler = AudioResampler(format="fltp", layout="stereo", rate=self.track.rate)
        count = 0
        for frame in self.source.decode(self.stream):
            if frame.time is None or frame.time < start_s:
                continue
            if frame.time >= stop_s:
                break
            # the sound follows without gaps, so that the encoder counts the time
            frame.pts = None
            for even in resampler.resample(frame):
                self.new.mux(self.track.encode(even))
            count += 1
        if count:
            for rest in resampler.resample(None):
                self.new.mux(self.track.encode(rest))
            self.new.mux(self.track.encode(None))
        return count


def _seek(source: InputContainer, stream: VideoStream | AudioStream, start_s: float) -> float:
    """Go to the last place before a time from which a stream can be decoded; return the time at which it begins."""
    time_base = stream.time_base or _MICROSECOND
    begin = stream.start_time or 0
    source.seek(begin + int(start_s / time_base), stream=stream, backward=True)
    return float(begin * time_base)


@dataclass(frozen=True)
class PartsOfDuration(ClipFeature[tuple[ClipPart, ...]]):
    """Cut a clip into parts of equal duration.

    A part begins `overlap_s` seconds before the one before it ends. The last part is left out if it is shorter than
    `least_last_s` seconds.
    """

    decoded_for: ClassVar[None] = None

    part_s: float
    overlap_s: float = 0
    least_last_s: float = 0

    def __call__(self, clip: OpenClip) -> tuple[ClipPart, ...]:
        """Return the parts in their order.

        Raises
        ------
        MediaError
            If the duration is not known, or there are more than 10,000 parts.
        """
        if clip.duration is None:
            raise MediaError("does not tell how long it is")
        step = self.part_s - self.overlap_s
        count = math.ceil(clip.duration / step)
        _refuse_many(count)
        starts = [step * number for number in range(count)]
        parts = [ClipPart(start, min(start + self.part_s, clip.duration)) for start in starts[:-1]]
        if starts and clip.duration - starts[-1] >= self.least_last_s:
            parts.append(ClipPart(starts[-1]))
        return tuple(parts)


@dataclass(frozen=True)
class PartsByKeyFrames(ClipFeature[tuple[ClipPart, ...]]):
    """Cut a clip at every key frame."""

    decoded_for: ClassVar[None] = None

    def __call__(self, clip: OpenClip) -> tuple[ClipPart, ...]:
        """Return the parts in their order.

        Raises
        ------
        MediaError
            If the container is damaged, or there are more than 10,000 parts.
        """
        starts = sorted(_key_frames_s(clip))
        _refuse_many(len(starts))
        return tuple(ClipPart(start, stop) for start, stop in pairwise([*starts, None]) if start is not None)


def _key_frames_s(clip: OpenClip) -> Iterable[float]:
    stream = clip.stream
    time_base = stream.time_base or _MICROSECOND
    begin = stream.start_time or 0
    return {
        float((packet.pts - begin) * time_base)
        for packet in clip.packets()
        if packet.is_keyframe and packet.pts is not None
    }


def _refuse_many(count: int) -> None:
    if count > MOST_PARTS:
        raise MediaError(f"would give {count:,} parts, more than {MOST_PARTS:,}; cut it into longer ones")
