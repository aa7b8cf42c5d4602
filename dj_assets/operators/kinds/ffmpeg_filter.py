"""Define the base class of mappers that run a filter of FFmpeg over media."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from dj_assets.media.filtered import FrameFilter
from dj_assets.operators.kinds.media_maker import MediaMaker


class FfmpegFilter(MediaMaker):
    """Run the filter `filter_name` of FFmpeg with the options `filter_kwargs` over media."""

    filter_name: str | None = Field(None, min_length=1)
    filter_kwargs: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _runs_inside(self) -> FfmpegFilter:
        problem = self.frame_filter.problem
        if problem:
            raise ValueError(problem)
        return self

    @property
    def frame_filter(self) -> FrameFilter:
        """Return the filter; without a name, one that changes nothing."""
        usual = "anull" if self.media == "audios" else "null"
        options = tuple((name, str(value)) for name, value in (self.filter_kwargs or {}).items())
        return FrameFilter(self.filter_name, options) if self.filter_name else FrameFilter(usual)
