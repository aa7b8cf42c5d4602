"""Cut clips into parts of a duration."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from dj_assets.media.clip_parts import PartsOfDuration
from dj_assets.operators.kinds.video_splitter import VideoSplitter
from dj_assets.operators.registry import register


@register("video_split_by_duration_mapper")
class VideoSplitByDurationMapper(VideoSplitter):
    """Cut every clip into parts of `split_duration` seconds, in a new sample.

    A part begins `overlap_duration` seconds before the one before it ends. A last part shorter than
    `min_last_split_duration` seconds is left out. The parts are encoded again, as H.264 in MP4 files, in the folder
    `media` of the output, named by their content; `save_field` names the field that lists them, by default that
    of the clips. `save_dir`, `video_backend` and `output_format` are accepted and have no effect.
    """

    split_duration: float = Field(default=10, gt=0)
    overlap_duration: float = Field(default=0, ge=0)
    min_last_split_duration: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _advances(self) -> Self:
        if self.overlap_duration >= self.split_duration:
            raise ValueError(
                f"overlap_duration {self.overlap_duration:g} must be less than split_duration {self.split_duration:g}"
            )
        return self

    def making(self) -> PartsOfDuration:
        """Return the cutting."""
        return PartsOfDuration(self.split_duration, self.overlap_duration, self.min_last_split_duration)
