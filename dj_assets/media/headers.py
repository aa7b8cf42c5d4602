"""Media features of headers and sizes: widths, durations, numbers of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dj_assets.errors import MediaError
from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature, ImageFeature, SoundFeature
from dj_assets.media.image import OpenImage
from dj_assets.media.sound import OpenSound

Size = tuple[int, int]


@dataclass(frozen=True)
class ImageSize(ImageFeature[Size]):
    """Compute width and height of an upright image in pixels."""

    def __call__(self, image: OpenImage) -> Size:
        """Return width and height."""
        return image.size


@dataclass(frozen=True)
class FileBytes(ImageFeature[int]):
    """Compute the size of an image file in bytes; the file need not be a valid image."""

    def __call__(self, image: OpenImage) -> int:
        """Return the number of bytes."""
        return image.file_bytes


@dataclass(frozen=True)
class ClipSize(ClipFeature[Size]):
    """Compute width and height of the coded frames of a clip in pixels."""

    decoded_for: ClassVar[None] = None

    def __call__(self, clip: OpenClip) -> Size:
        """Return width and height."""
        return clip.width, clip.height


@dataclass(frozen=True)
class ClipDuration(ClipFeature[float]):
    """Compute the duration of a clip in seconds."""

    decoded_for: ClassVar[None] = None

    def __call__(self, clip: OpenClip) -> float:
        """Return the duration; a clip without one fails."""
        if clip.duration is None:
            raise MediaError("does not tell how long it is")
        return clip.duration


@dataclass(frozen=True)
class SoundBytes(SoundFeature[int]):
    """Compute the size of an audio file in bytes; the file need not be a valid sound."""

    def __call__(self, sound: OpenSound) -> int:
        """Return the number of bytes."""
        return sound.file_bytes


@dataclass(frozen=True)
class SoundDuration(SoundFeature[float]):
    """Compute the duration of a sound in seconds; the whole sound is decoded."""

    def __call__(self, sound: OpenSound) -> float:
        """Return the duration."""
        return sound.duration


@dataclass(frozen=True)
class PacketDigest(ClipFeature[bytes]):
    """Compute the MD5 of the packets of a clip's video stream; it does not depend on the container."""

    decoded_for: ClassVar[None] = None

    def __call__(self, clip: OpenClip) -> bytes:
        """Return the 16 bytes of the digest."""
        return clip.packets_md5()
