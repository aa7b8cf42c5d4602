"""The H.264 encoder of new clips, which gives the same bytes in every run."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

# With more threads, or with macroblock trees, x264 gives other bytes at times: the trees read memory that nobody wrote.
_SAME_BYTES = {"threads": "1", "x264-params": "mbtree=0"}


def h264_stream(new: OutputContainer, like: VideoStream) -> VideoStream:
    """Add a video stream to a new file, with the frame rate of another stream."""
    rate = like.average_rate or like.guessed_rate or Fraction(25)
    stream: VideoStream = new.add_stream("libx264", rate=rate, options=_SAME_BYTES)
    return stream


def set_size(stream: VideoStream, width: int, height: int) -> None:
    """Set the size of the frames in pixels, and a pixel format that can have it."""
    stream.width, stream.height = width, height
    # halved colour planes need even sides
    stream.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
