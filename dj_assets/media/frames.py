"""Decoders of frames for models: decord, and PyAV for clips that decord does not read rightly.

decord has wheels for Linux on x86-64 only. Elsewhere PyAV decodes all clips.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import dropwhile, groupby, pairwise
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.containers import open_container
from dj_assets.media.handed import Content

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream
    from decord import VideoReader

PYAV = "PyAV"
# Containers that list their key frames, by FFmpeg's names.
_WITH_INDEX = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
# Frames a second where neither frames nor header have times.
_USUAL_RATE = 25

# Times beyond this are no times: decord computes with a time stamp that a packet does not have.
_MOST_SECONDS = 1e9


@cache
def has_decord() -> bool:
    """Return whether decord is installed."""
    return find_spec("decord") is not None


def load_decoders() -> None:
    """Import the decoders in a process from which those that decode are forked."""
    import av  # noqa: F401

    if has_decord():
        import decord  # noqa: F401


class Frames(ABC):
    """Hold the frames of a clip by their number in the order of presentation, upright as players show them.

    Every method raises `MediaError` if there is no video stream, or the data are damaged.
    """

    name: ClassVar[str]

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of frames."""

    @property
    @abstractmethod
    def starts_s(self) -> np.ndarray:
        """Return the start of each frame, in seconds from the first; `float32`, shape `(frames,)`."""

    @property
    @abstractmethod
    def end_s(self) -> float:
        """Return the end of the last frame, in seconds."""

    @property
    @abstractmethod
    def keys(self) -> tuple[int, ...]:
        """Return the numbers of the key frames."""

    @abstractmethod
    def decode(self, numbers: Sequence[int]) -> np.ndarray:
        """Return frames as RGB, `uint8`, shape `(len(numbers), height, width, 3)`. `numbers` ascend."""


class DecordFrames(Frames):
    """Decode a file by decord, which has the codecs of FFmpeg 4."""

    name = "decord"

    def __init__(self, path: str) -> None:
        self.path = path

    def __len__(self) -> int:
        return len(self._reader)

    @property
    def has_times(self) -> bool:
        """Return whether decord found the times of the frames: it reads no packet without a time of presentation."""
        starts = self.starts_s
        known = bool(np.all(np.abs(self._stamps) < _MOST_SECONDS))
        return known and (len(starts) < 2 or bool(starts[-1] > starts[0]))

    @cached_property
    def starts_s(self) -> np.ndarray:
        """Return the start of each frame, in seconds from the first; `float32`, shape `(frames,)`."""
        return self._stamps[:, 0]

    @property
    def end_s(self) -> float:
        """Return the end of the last frame, in seconds."""
        return float(self._stamps[-1, 1])

    @cached_property
    def keys(self) -> tuple[int, ...]:
        """Return the numbers of the key frames."""
        return tuple(int(key) for key in self._reader.get_key_indices())

    def decode(self, numbers: Sequence[int]) -> np.ndarray:
        """Return frames as RGB, `uint8`, shape `(len(numbers), height, width, 3)`. `numbers` ascend."""
        from decord import DECORDError

        try:
            pixels: np.ndarray = self._reader.get_batch(list(numbers)).asnumpy()
        except DECORDError as error:
            raise MediaError(f"is damaged: {_first_line(error)}") from None
        return pixels

    @cached_property
    def _stamps(self) -> np.ndarray:
        stamps: np.ndarray = np.asarray(self._reader.get_frame_timestamp(range(len(self))))
        return stamps

    @cached_property
    def _reader(self) -> VideoReader:
        import decord

        try:
            reader = decord.VideoReader(self.path, num_threads=1)
        except (RuntimeError, decord.DECORDError) as error:
            raise MediaError(f"is no clip that can be read: {_first_line(error)}") from None
        if not len(reader):
            raise MediaError("has no frames")
        return reader


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield the frames of a stream by PyAV, in order of presentation, from its present position on.

    A recording may start in the middle of a group of pictures: packets before the first frame are skipped if they
    cannot be decoded.

    Raises
    ------
    MediaError
        If a later packet cannot be decoded.
    """
    import av

    if not stream.codec_context.is_open:
        stream.codec_context.thread_count = 1
    begun = False
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                if begun:
                    raise
                continue
            begun |= bool(frames)
            yield from frames
    except av.FFmpegError as error:
        raise MediaError(f"is damaged: {error.strerror}") from None


def lacks_times(packets: Iterable[Packet[VideoStream]]) -> bool:
    """Return whether a packet has no time: in program streams, only some have one."""
    return any(packet.size and packet.pts is None and packet.dts is None for packet in packets)


def best_stream(container: InputContainer) -> VideoStream:
    """Return the video stream that FFmpeg ranks best.

    Raises
    ------
    MediaError
        If there is none, or its codec is unknown.
    """
    return known(container.streams.best("video"))


def known(stream: Stream | None) -> VideoStream:
    """Return a stream of a known codec.

    Raises
    ------
    MediaError
        If there is no stream, or its codec is unknown.
    """
    from av.video.stream import VideoStream

    if not isinstance(stream, VideoStream):
        raise MediaError("has no video stream")
    if stream.codec_context is None:
        raise MediaError("has a video stream of an unknown kind")
    return stream


def undecodable(stream: VideoStream) -> MediaError:
    """Return the error for a stream of which no frame is decoded; it names the codec."""
    return MediaError(f"has no frame that can be decoded: its codec is {codec_of(stream)}")


def codec_of(stream: VideoStream) -> str:
    """Return FFmpeg's name of the codec of a stream, such as `h264` or `av1`."""
    return str(stream.codec_context.codec.canonical_name)


def upright(frame: VideoFrame, layout: str) -> np.ndarray:
    """Return the pixels of a frame of PyAV in a layout such as `rgb24`, turned as players show it."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format=layout), frame.rotation // 90))


class _Index(NamedTuple):
    """Hold when every frame is shown, in ticks or else counted; the key frames; seconds a tick; the last's end.

    `timed` means that frames have times, `sought` that the container finds a key frame by its time.
    """

    stamps: tuple[int, ...]
    keys: tuple[int, ...]
    tick_s: float
    end: int
    timed: bool
    sought: bool

    def key_before(self, number: int) -> int:
        """Return the key frame from which a frame is decoded: the one before it, 0 if it cannot be sought."""
        return self.keys[max(bisect_right(self.keys, number) - 1, 0)] if self.sought and self.keys else 0


class AvFrames(Frames):
    """Decode a clip by PyAV, which has the codecs of FFmpeg 8, among them AV1.

    Frames are counted as they are decoded, once. The packets of AV1 are counted instead: each holds exactly one frame
    that is shown (AV1 bitstream specification, 7.5). If frames have times, decoding starts at the key frame before a
    wanted frame.
    """

    name = PYAV

    def __init__(self, content: Content, alive: Callable[[], None]) -> None:
        """Take the bytes of a clip; `alive` is called now and then while many frames are decoded."""
        self._content = content
        self._alive = alive

    def __len__(self) -> int:
        return len(self._index.stamps)

    @cached_property
    def starts_s(self) -> np.ndarray:
        """Return the start of each frame, in seconds from the first; `float32`, shape `(frames,)`."""
        return self._seconds(self._index.stamps)

    @property
    def end_s(self) -> float:
        """Return the end of the last frame, in seconds."""
        return float(self._seconds([self._index.end])[0])

    @property
    def keys(self) -> tuple[int, ...]:
        """Return the numbers of the key frames."""
        return self._index.keys

    def decode(self, numbers: Sequence[int]) -> np.ndarray:
        """Return frames as RGB, `uint8`, shape `(len(numbers), height, width, 3)`. `numbers` ascend."""
        found: dict[int, np.ndarray] = {}
        with open_container(self._content) as container:
            for key, group in groupby(numbers, self._index.key_before):
                self._decode_into(found, container, key, list(group))
        missing = [number for number in numbers if number not in found]
        if missing:
            # the container did not find the key frame: decode from the start
            with open_container(self._content) as container:
                self._decode_into(found, container, 0, missing)
                if not found:
                    raise undecodable(best_stream(container))
        lost = next((number for number in missing if number not in found), None)
        if lost is not None:
            raise MediaError(f"is damaged: frame {lost:,} of {len(self):,} cannot be decoded")
        return np.stack([found[number] for number in numbers])

    def _decode_into(
        self, found: dict[int, np.ndarray], container: InputContainer, key: int, numbers: Sequence[int]
    ) -> None:
        stream = best_stream(container)
        if key:
            container.seek(self._index.stamps[key], stream=stream)
        for count, frame in enumerate(decoded(container, stream)):
            self._alive()
            number = self._numbers.get(frame.pts, -1) if self._index.timed else count
            if number in numbers:
                found[number] = upright(frame, "rgb24")
            if number >= numbers[-1]:
                return

    def _seconds(self, stamps: Sequence[int]) -> np.ndarray:
        first, tick = self._index.stamps[0], self._index.tick_s
        return np.asarray([(stamp - first) * tick for stamp in stamps], np.float32)

    @cached_property
    def _numbers(self) -> Mapping[int | None, int]:
        return {stamp: number for number, stamp in enumerate(self._index.stamps)}

    @cached_property
    def _index(self) -> _Index:
        with open_container(self._content) as container:
            stream = best_stream(container)
            shown: Iterator[Packet[VideoStream] | VideoFrame] = decoded(container, stream)
            if codec_of(stream) == "av1":
                shown = self._av1_packets(container, stream)
            times: list[tuple[int | None, int]] = []
            keys = []
            for number, part in enumerate(shown):
                self._alive()
                times.append((part.pts, part.duration or 0))
                if getattr(part, "is_keyframe", False) or getattr(part, "key_frame", False):
                    keys.append(number)
            if not times:
                raise undecodable(stream)
            return _indexed(times, keys, stream)

    @staticmethod
    def _av1_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
        """Yield the packets from the first key frame on."""
        packets = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
        return dropwhile(lambda packet: not packet.is_keyframe, packets)


def _indexed(times: Sequence[tuple[int | None, int]], keys: Sequence[int], stream: VideoStream) -> _Index:
    """Return the index of frames with their time and length; times that do not ascend are none, as in AVI."""
    stamps = [stamp for stamp, _ in times if stamp is not None]
    timed = len(stamps) == len(times) and all(before < after for before, after in pairwise(stamps))
    if not timed:
        rate = stream.guessed_rate or stream.average_rate or _USUAL_RATE
        return _Index(tuple(range(len(times))), tuple(keys), 1 / float(rate), len(times), timed=False, sought=False)
    length = times[-1][1] or (stamps[-1] - stamps[0]) // max(1, len(stamps) - 1)
    sought = stream.container.format.name in _WITH_INDEX
    return _Index(tuple(stamps), tuple(keys), float(stream.time_base or 0), stamps[-1] + length, timed, sought)


def _first_line(error: Exception) -> str:
    """Return decord's message without the line of its source code and the trace."""
    return str(error).splitlines()[0].rpartition("] ")[2][:200]
