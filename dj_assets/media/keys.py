"""What a recipe says about media: the fields that list them, their marks in the text, where they may lie."""

from __future__ import annotations

from dataclasses import dataclass, field

from dj_assets.media.tokens import Kind, SpecialTokens


@dataclass(frozen=True)
class MediaKeys:
    """How samples name their images and clips, and where these are looked up.

    Attributes
    ----------
    images, videos
        The fields that list the paths.
    image_bytes
        The field that may hold the images themselves, in the order of their paths.
    tokens
        The marks in the text.
    root
        The folder of relative paths; None for the folder of the input file.
    allow_outside, allow_urls
        Whether files outside of the root are read, and URLs.
    """

    images: str = "images"
    videos: str = "videos"
    image_bytes: str = "image_bytes"
    tokens: SpecialTokens = field(default_factory=SpecialTokens)
    root: str | None = None
    allow_outside: bool = False
    allow_urls: bool = False

    def field_of(self, kind: Kind) -> str:
        """Return the field that lists the paths of a kind."""
        return self.images if kind == "images" else self.videos
