"""Cut clips at their key frames."""

from __future__ import annotations

from typing import Literal

from dj_assets.media.clip_parts import PartsByKeyFrames
from dj_assets.operators.kinds.video_splitter import VideoSplitter
from dj_assets.operators.registry import register


@register("video_split_by_key_frame_mapper")
class VideoSplitByKeyFrameMapper(VideoSplitter):
    """Cut every clip at each of its key frames, in a new sample.

    The parts are encoded again, as H.264 in MP4 files, in the folder `media` of the output, named by their content;
    `save_field` names the field that lists them, by default that of the clips. `save_dir`, `video_backend` and
    `output_format` are accepted and have no effect.
    """

    video_backend: Literal["ffmpeg", "av"] = "av"

    def making(self) -> PartsByKeyFrames:
        """Return the cutting."""
        return PartsByKeyFrames()
