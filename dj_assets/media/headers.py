"""Media features that read headers: sizes, lengths, numbers of bytes. They decode nothing."""

from __future__ import annotations

from dataclasses import dataclass

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature, ImageFeature
from dj_assets.media.image import OpenImage

Size = tuple[int, int]


@dataclass(frozen=True)
class ImageSize(ImageFeature[Size]):
    """Width and height of an upright image in pixels."""

    def __call__(self, image: OpenImage) -> Size:
        """Return them."""
        return image.size


@dataclass(frozen=True)
class FileBytes(ImageFeature[int]):
    """The bytes of an image file, which need not be an image."""

    def __call__(self, image: OpenImage) -> int:
        """Return how many there are."""
        return image.file_bytes


@dataclass(frozen=True)
class ClipSize(ClipFeature[Size]):
    """Width and height of the frames of a clip as they are coded, in pixels."""

    def __call__(self, clip: OpenClip) -> Size:
        """Return them."""
        return clip.width, clip.height


@dataclass(frozen=True)
class ClipDuration(ClipFeature[float]):
    """The length of a clip in seconds."""

    def __call__(self, clip: OpenClip) -> float:
        """Return it; a clip that does not tell fails."""
        if clip.duration is None:
            raise MediaError("does not tell how long it is")
        return clip.duration


@dataclass(frozen=True)
class PacketDigest(ClipFeature[bytes]):
    """The MD5 of the packets of a clip's video stream, whatever container they lie in."""

    def __call__(self, clip: OpenClip) -> bytes:
        """Return it: 16 bytes."""
        return clip.packets_md5()
