"""Media features that make new files of a file, and the key under which these are recorded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from dj_assets.media.clip import OpenClip
from dj_assets.media.feature import ClipFeature, ImageFeature, SoundFeature
from dj_assets.media.handed import Content
from dj_assets.media.image import OpenImage
from dj_assets.media.sound import OpenSound

_PART_BYTES = 1 << 20


class NewClip(ClipFeature[bytes]):
    """Make a new file of a clip: the value is its content."""

    suffix: ClassVar[str]


class NewImage(ImageFeature[bytes]):
    """Make a new file of an image: the value is its content."""

    suffix: ClassVar[str]


class NewSound(SoundFeature[bytes]):
    """Make a new WAV file of a sound: the value is its content."""

    suffix: ClassVar[str] = ".wav"


NewFile = NewClip | NewImage | NewSound
# A feature whose value is what to make of a file: the features that make the new files, in their order.
Making = ClipFeature[tuple[NewClip, ...]] | ImageFeature[tuple[NewImage, ...]] | SoundFeature[tuple[NewSound, ...]]


@dataclass(frozen=True)
class ClipContent(ClipFeature[str]):
    """Compute the SHA-256 of the bytes of a clip, in hexadecimal digits."""

    decoded_for: ClassVar[None] = None

    def __call__(self, clip: OpenClip) -> str:
        """Return the checksum."""
        return checksum(clip.location)


@dataclass(frozen=True)
class ImageContent(ImageFeature[str]):
    """Compute the SHA-256 of the bytes of an image file, in hexadecimal digits."""

    def __call__(self, image: OpenImage) -> str:
        """Return the checksum."""
        return checksum(image.location)


@dataclass(frozen=True)
class SoundContent(SoundFeature[str]):
    """Compute the SHA-256 of the bytes of a sound, in hexadecimal digits."""

    def __call__(self, sound: OpenSound) -> str:
        """Return the checksum."""
        return checksum(sound.location)


def checksum(location: Content) -> str:
    """Return the SHA-256 of the bytes of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with location.open() as content:
        while part := content.read(_PART_BYTES):
            digest.update(part)
    return digest.hexdigest()


def key_of(content: str, making: Making) -> str:
    """Return the key of what is made of a file: a digest of all that decides about it.

    Parameters
    ----------
    content
        The checksum of the file.
    making
        The feature that says what is made of it; its parameters are part of the key, and so are the encoders.
    """
    import av

    encoders = ".".join(map(str, av.library_versions["libavcodec"]))
    return hashlib.sha256(f"{content}\0{making!r}\0{encoders}".encode()).hexdigest()
