"""Choose the decoder of a clip by what is in its stream; the choice is part of the identity of what is measured.

decord decodes frames for models, OpenCV frames for motion: their pixels and positions are those of Data-Juicer. PyAV
decodes what they lack or misread.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from dj_assets.errors import MediaError
from dj_assets.media.captures import AvCapture, Capture, OpenCvCapture
from dj_assets.media.containers import open_container
from dj_assets.media.frames import AvFrames, DecordFrames, Frames, best_stream, decoded, has_decord, known, lacks_times
from dj_assets.media.handed import Content

if TYPE_CHECKING:
    from av.container import InputContainer

# decord seeks other frames than those asked for in containers without an index; of transport streams it gives frames
# that are seconds late, or ends with an error.
_MISREAD_CONTAINERS = frozenset({"mpegts", "mpeg", "asf", "mxf"})
# decord pads rows to this number of pixels.
_PADDED_TO = 32


class Decodable(Protocol):
    """A clip to decode, see `OpenClip`."""

    @property
    def location(self) -> Content:
        """Return the source of the bytes."""

    @property
    def local_path(self) -> str:
        """Return a path for libraries that open files themselves."""

    def still_alive(self) -> None:
        """Restart the time limit."""


def frames_of(clip: Decodable) -> Frames:
    """Return the decoder of frames for models: decord where it is installed and reads the clip rightly, else PyAV.

    Raises
    ------
    MediaError
        If the clip cannot be opened.
    """
    by_pyav = AvFrames(clip.location, clip.still_alive)
    if not has_decord():
        return by_pyav
    with open_container(clip.location) as container:
        if container.format.name in _MISREAD_CONTAINERS or _misleads(container) or _has_leading_frames(container):
            return by_pyav
    by_decord = DecordFrames(clip.local_path)
    try:
        return by_decord if by_decord.has_times else by_pyav
    except MediaError:
        # decord has no decoder or no index for it
        return by_pyav


def capture_of(clip: Decodable) -> Capture:
    """Return the decoder of frames for motion: OpenCV if it counts the frames and decodes the first, else PyAV.

    Raises
    ------
    MediaError
        If the clip cannot be opened.
    """
    import av

    with open_container(clip.location) as container, suppress(av.FFmpegError):
        if lacks_times(container.demux(known(next(iter(container.streams.video), None)))):
            return AvCapture(clip.location)
    try:
        return OpenCvCapture(clip.local_path)
    except MediaError:
        return AvCapture(clip.location)


def _has_leading_frames(container: InputContainer) -> bool:
    """Return whether frames that are decoded after a key frame are shown before it, as in open groups of pictures.

    decord numbers frames from the key frame on, so it gives others than those asked for.
    """
    import av

    key: int | None = None
    with suppress(av.FFmpegError):
        for packet in container.demux(best_stream(container)):
            if packet.is_keyframe:
                key = packet.pts
            elif key is not None and packet.pts is not None and packet.pts < key:
                return True
    return False


def _misleads(container: InputContainer) -> bool:
    """Return whether the upright frames have a width at which decord misreads them; the header tells no rotation."""
    stream = best_stream(container)
    width, height = _padding_misleads(stream.width), _padding_misleads(stream.height)
    if width == height:
        return width
    frame = next(decoded(container, stream), None)
    container.seek(0)
    return height if frame is not None and frame.rotation % 180 else width


def _padding_misleads(width: int) -> bool:
    """Return whether decord takes the padding of a row for more channels: for 48 pixels in rows of 64, 4 instead of 3.

    It divides the bytes of a row by its pixels, and copies rows one by one only if that leaves a remainder.
    """
    row = -(-width // _PADDED_TO) * _PADDED_TO
    return row != width and row * 3 % width == 0
