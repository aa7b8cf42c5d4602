"""Remove samples with the same clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from dj_assets.media.headers import PacketDigest
from dj_assets.operators.kinds.media_filter import MediaDeduplicator
from dj_assets.operators.registry import register


@register("video_deduplicator")
class VideoDeduplicator(MediaDeduplicator):
    """Keep the first of samples whose clips have the same coded video, whatever their container and sound.

    The MD5 of the packets of the video stream is compared; nothing is decoded. A path listed twice counts once. With
    `consider_text` the texts must be equal, too; samples without clips are then duplicates by their text.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}

    def features(self) -> tuple[PacketDigest]:
        """Return the packet digest feature."""
        return (PacketDigest(),)
