"""Predict from the packets which frame OpenCV reads after it seeks a position, without seeking.

OpenCV counts positions by time: it seeks an earlier key frame, takes its number from its time stamp, and counts on. If
frames are evenly spaced, the position is the number of the frame. Otherwise they differ, and Data-Juicer's scores
follow the positions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dj_assets.media.clip import OpenClip
from dj_assets.media.frames import lacks_times

# The distance before a position at which OpenCV first searches for a key frame.
_BACK = 16


class _Packet(NamedTuple):
    """Hold the times at which a packet is shown and decoded, in ticks; whether it is a key frame, or not shown."""

    shown: int
    decoded: int
    key: bool
    hidden: bool


def _packets(clip: OpenClip) -> Iterator[_Packet]:
    for packet in clip.packets():
        stamps = [stamp for stamp in (packet.pts, packet.dts) if stamp is not None]
        if stamps:
            yield _Packet(stamps[0], stamps[-1], packet.is_keyframe, packet.is_discard)


@dataclass(frozen=True)
class Positions:
    """Hold the positions of a clip for which OpenCV counts `count` frames at `fps`.

    `numbers` is the position of each frame by its time. `keys` are key frames as pairs of time stamp and frame,
    `stamps` the time stamps of all packets in order. `indexed` means that the container lists its key frames.
    """

    fps: float
    count: int
    start: int
    ticks_a_second: float
    numbers: tuple[int, ...]
    keys: tuple[tuple[int, int], ...]
    stamps: tuple[int, ...]
    indexed: bool

    @classmethod
    def of(cls, clip: OpenClip, fps: float, count: int) -> Positions:
        """Read the positions from the packets of a clip; nothing is decoded."""
        stream = clip.stream
        if lacks_times(clip.packets()):
            return cls._even(fps, [packet.is_keyframe for packet in clip.packets() if packet.size])
        packets = list(_packets(clip))
        shown = sorted(packet.shown for packet in packets if not packet.hidden)
        start, ticks = stream.start_time or 0, 1 / float(stream.time_base or 1)
        numbers = [int(fps * (pts - start) / ticks + 0.5) for pts in shown]
        indexed = clip.container.format.name != "mpegts"
        # packets are sought by their decoding time; with an index, as if the first were decoded when it is shown
        shift = packets[0].shown - packets[0].decoded if indexed and packets else 0
        keys = [(packet.decoded + shift, bisect_left(shown, packet.shown)) for packet in packets if packet.key]
        return cls(
            fps=fps,
            count=count,
            start=start,
            ticks_a_second=ticks,
            numbers=tuple(number - numbers[0] for number in numbers),
            keys=tuple(sorted(key for key in keys if key[1] < len(shown))),
            stamps=tuple(sorted(packet.decoded + shift for packet in packets)),
            indexed=indexed,
        )

    @classmethod
    def _even(cls, fps: float, keys: Sequence[bool]) -> Positions:
        """Return the positions of frames without times, as if they were evenly spaced; `keys` are the key frames."""
        numbers = tuple(range(len(keys)))
        sought = tuple((number, number) for number in numbers if keys[number])
        return cls(fps, len(keys), 0, fps, numbers, sought, numbers, indexed=True)

    def sampled(self, sampling_fps: float) -> list[int]:
        """Return the frames at positions 0, 1 and every further step, up to the last frame.

        A step is the nearest whole number of frames to `1 / sampling_fps` seconds, at least one. With a step of one,
        frame 1 is repeated.
        """
        if not self.numbers or self.fps <= 0:
            return []
        step = max(1, min(round(self.fps / min(sampling_fps, self.fps)), self.count - 1))
        return [frame for frame in (0, 1) if frame < len(self.numbers)] + list(self._every(step))

    def _every(self, step: int) -> Iterator[int]:
        for position in range(step, self.count + step, step):
            # after the last position, OpenCV stays at it, and Data-Juicer may loop forever
            frame = self.frame_at(min(position, self.count))
            if frame >= len(self.numbers):
                return
            yield frame

    def frame_at(self, position: int) -> int:
        """Return the number of the frame that is read at a position above 0; it may be after the last frame."""
        back = _BACK
        while True:
            before = max(position - back, 0)
            key = self._key_for(self.start + int(before / self.fps * self.ticks_a_second + 0.5))
            number = self.numbers[key]
            if position == 1 or (before == 0 and number > position - 1):
                return key + 1
            if number <= position - 1:
                return key + position - number
            back = back * 3 // 2

    def _key_for(self, stamp: int) -> int:
        """Return the first frame that is decoded when OpenCV seeks a time stamp."""
        if not self.keys:
            return 0
        if self.indexed:
            location = bisect_right(self.keys, (stamp, len(self.numbers))) - 1
            return self.keys[max(location, 0)][1]
        packet = self.stamps[max(bisect_right(self.stamps, stamp) - 1, 0)]
        return self.keys[min(bisect_left(self.keys, (packet, 0)), len(self.keys) - 1)][1]
