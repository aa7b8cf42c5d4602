"""Run a filter of FFmpeg over sounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from dj_assets.media.filtered import FilteredSounds
from dj_assets.operators.kinds.ffmpeg_filter import FfmpegFilter
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register


@register("audio_ffmpeg_wrapped_mapper")
class AudioFfmpegWrappedMapper(FfmpegFilter, MediaRewriter):
    """Run the filter `filter_name` of FFmpeg over all sounds, and list the new files in their place.

    `filter_kwargs` has the options of the filter. Filters and options that name files, servers or programs are refused.
    New files are WAV files of 16 bits, in the folder `media` of the output.
    Without a filter, all sounds stay. The filter is run by PyAV: `global_args`, `capture_stderr`, `overwrite_output`
    and `save_dir` have no effect.
    """

    media: ClassVar[Literal["audios"]] = "audios"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}

    def making(self) -> FilteredSounds:
        """Return the filtering."""
        return FilteredSounds(self.frame_filter if self.filter_name else None)
