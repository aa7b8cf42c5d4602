"""Settings of a recipe for media: the fields that list them, and their marks in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dj_assets.media.tokens import Kind, SpecialTokens

# The keys of recipes and operators that name a field, by kind of media, and the attribute of `MediaKeys` that each sets
FIELD_KEYS: Mapping[Kind, Mapping[str, str]] = {
    "images": {"image_key": "images", "image_bytes_key": "image_bytes"},
    "videos": {"video_key": "videos"},
    "audios": {"audio_key": "audios"},
}


@dataclass(frozen=True)
class MediaKeys:
    """Hold the fields in which samples list their images, clips and sounds; the source defines their locations.

    Attributes
    ----------
    images, videos, audios
        The fields that list the paths.
    image_bytes
        The field that may hold the images themselves, in the order of their paths.
    tokens
        The marks in the text.
    """

    images: str = "images"
    videos: str = "videos"
    audios: str = "audios"
    image_bytes: str = "image_bytes"
    tokens: SpecialTokens = field(default_factory=SpecialTokens)

    def field_of(self, kind: Kind) -> str:
        """Return the field that lists the paths of a kind."""
        field_name: str = getattr(self, kind)
        return field_name
