"""One open clip: header by PyAV, frames by the decoder; each is opened when it is first needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dj_assets.errors import MediaError
from dj_assets.media.containers import open_container, require_container
from dj_assets.media.decoders import frames_of
from dj_assets.media.frames import Frames, known
from dj_assets.media.handed import Content, local_path

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# The limit for decoded frames that are cached; if there are more, they are decoded again for every feature.
HELD_BYTES = 256 * 1024 * 1024
# The least share of the counted frames in a complete file: a recorder may count frames that it dropped.
_WHOLE = 0.9
# Time stamps are 32-bit floats.
_SLACK_S = 1e-6


class OpenClip:
    """Hold an open clip for its features. Reading the header decodes nothing.

    Its frames are numbered in the order of presentation. A feature that takes long calls `alive` now and then: this
    restarts its time limit.
    """

    def __init__(self, location: Content) -> None:
        self.location = location
        self.announced: Callable[[], Iterable[int]] = tuple
        self.alive: Callable[[], None] = _quiet
        self._held: dict[int, np.ndarray] | None = None
        self._close = ExitStack()

    def still_alive(self) -> None:
        """Restart the time limit of the feature that is computed now."""
        self.alive()

    @property
    def width(self) -> int:
        """Return the width of the coded frames in pixels; a rotation that players apply is ignored."""
        return int(self.stream.width)

    @property
    def height(self) -> int:
        """Return the height of the coded frames in pixels."""
        return int(self.stream.height)

    @property
    def duration(self) -> float | None:
        """Return the seconds by the video stream, else by the container, else by the packets; None without times."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration is not None:
            return self.container.duration / 1_000_000
        return self._packets_s

    @cached_property
    def _packets_s(self) -> float | None:
        """Return the seconds from the first packet to the end of the last; the header of a recording may have none."""
        shown = [
            (packet.pts, packet.pts + (packet.duration or 0)) for packet in self.packets() if packet.pts is not None
        ]
        if not shown or self.stream.time_base is None:
            return None
        start, end = min(start for start, _ in shown), max(end for _, end in shown)
        return float((end - start) * self.stream.time_base) or None

    @property
    def fps(self) -> float | None:
        """Return the frames per second in the header, None if it has none."""
        rate = self.stream.guessed_rate or self.stream.average_rate
        return float(rate) if rate else None

    @property
    def key_frames(self) -> tuple[int, ...]:
        """Return the numbers of the key frames."""
        return self.decoder.keys

    def uniform(self, count: int) -> list[int]:
        """Return the numbers of `count` frames at equal distances in time, including the first and the last.

        A count of one gives the middle frame. A clip with fewer frames gives fewer. The last frame may be repeated, as
        in Data-Juicer, if the last target is after it.
        """
        count = min(count, len(self.decoder))
        end = self.decoder.end_s
        targets = [end / 2] if count == 1 else [end * n / (count - 1) for n in range(count)]
        chosen: list[int] = []
        for target in targets:
            after = int(np.searchsorted(self.decoder.starts_s, target - _SLACK_S))
            number = max(after, chosen[-1] + 1 if chosen else 0)
            chosen.append(min(number, len(self.decoder) - 1))
            if number >= len(self.decoder):
                break
        return chosen

    def rgb(self, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield frames in the given order, each `uint8`, shape `(height, width, 3)`.

        Frames that the features of a clip announce are decoded together, once, as long as they fit into `HELD_BYTES`.
        """
        if self._held is None:
            self._held = self._decode_announced()
        missing = sorted({number for number in numbers if number not in self._held})
        if not missing:
            yield from (self._held[number] for number in numbers)
            return
        size = self._at_a_time()
        for start in range(0, len(numbers), size):
            part = numbers[start : start + size]
            distinct = sorted(set(part))
            self.alive()
            frames = dict(zip(distinct, self.decoder.decode(distinct), strict=True))
            yield from (frames[number] for number in part)

    def _decode_announced(self) -> dict[int, np.ndarray]:
        wanted = sorted(set(self.announced()))
        if not wanted or len(wanted) > self._at_a_time():
            return {}
        return dict(zip(wanted, self.decoder.decode(wanted), strict=True))

    def _at_a_time(self) -> int:
        return max(1, HELD_BYTES // max(1, self.width * self.height * 3))

    def refuse_cut_off(self, frames: int) -> None:
        """Make sure that the clip has most of the frames that its header counts; some headers count none.

        Decoders end a file that was cut off as if it ended there, without an error.

        Raises
        ------
        MediaError
            If too many frames are missing.
        """
        counted = self.stream.frames
        if frames < counted * _WHOLE:
            raise MediaError(f"is cut off: {frames:,} of {counted:,} frames are there")

    def packets_md5(self) -> bytes:
        """Return the MD5 of the bytes of all packets of the video stream, in file order."""
        digest = hashlib.md5(usedforsecurity=False)
        for packet in self.packets():
            digest.update(bytes(packet))
        return digest.digest()

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Yield the packets of the video stream in file order.

        Raises
        ------
        MediaError
            If the container is damaged.
        """
        import av

        with OpenClip(self.location) as afresh:
            try:
                yield from afresh.container.demux(afresh.stream)
            except av.FFmpegError as error:
                raise MediaError(f"is damaged: {error.strerror}") from None

    @cached_property
    def local_path(self) -> str:
        """Return the path of an open descriptor for libraries that open files themselves; only containers have one."""
        with self.location.open() as content:
            require_container(content)
        return local_path(self.location, self._close)

    @cached_property
    def decoder(self) -> Frames:
        """Return the decoder of the frames; a file that was cut off has none."""
        frames = frames_of(self)
        self.refuse_cut_off(len(frames))
        return frames

    @cached_property
    def container(self) -> InputContainer:
        """Return the file, opened by PyAV."""
        return self._close.enter_context(open_container(self.location))

    @property
    def stream(self) -> VideoStream:
        """Return the first video stream."""
        return known(next(iter(self.container.streams.video), None))

    def close(self) -> None:
        """Close the files and release decoders and frames.

        The frames that features announce, and their signs of life, refer to the clip, and decoders are large: waiting
        for Python's garbage collection of the cycle costs hundreds of megabytes.
        """
        self._close.close()
        self._held = None
        self.announced, self.alive = tuple, _quiet
        for opened in ("decoder", "container", "local_path"):
            self.__dict__.pop(opened, None)

    def __enter__(self) -> OpenClip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _quiet() -> None:
    """Ignore signs of life of a feature."""
