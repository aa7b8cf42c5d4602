"""Scale clips whose width or height is outside of bounds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from dj_assets.media.resized import Fit, ResizedWithin
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


@register("video_resize_resolution_mapper")
class VideoResizeResolutionMapper(MediaRewriter):
    """Scale clips whose width or height is outside of bounds, and list the new files in their place.

    Each side is clamped to its bounds. `force_original_aspect_ratio` keeps the ratio of the sides: the new clip is the
    largest inside of that frame (`decrease`), or the smallest around it (`increase`), and its sides are multiples of
    `force_divisible_by`. New clips are H.264 in MP4 files, in the folder `media` of the output. `save_dir` is accepted
    and has no effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}

    min_width: int = Field(default=1, ge=1)
    max_width: int = Field(default=sys.maxsize, ge=1)
    min_height: int = Field(default=1, ge=1)
    max_height: int = Field(default=sys.maxsize, ge=1)
    force_original_aspect_ratio: Fit = "disable"
    force_divisible_by: int = Field(default=2, ge=1)
    save_dir: str | None = None

    def making(self) -> ResizedWithin:
        """Return the scaling."""
        width, height = (self.min_width, self.max_width), (self.min_height, self.max_height)
        return ResizedWithin(width, height, self.force_original_aspect_ratio, self.force_divisible_by)
