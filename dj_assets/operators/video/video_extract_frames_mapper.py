"""Extract frames of clips as image files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.media.extracted import ExtractedFrames, FrameSampling
from dj_assets.media.media_keys import MediaKeys
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_maker import MediaMaker
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media

_LISTS = pa.list_(pa.list_(pa.string()))


@register("video_extract_frames_mapper")
class VideoExtractFramesMapper(MediaMaker, FieldMapper):
    """Write frames of every clip as image files, and list them in the field `frame_field`, one list for each clip.

    The frames are the key frames, all frames, or `frame_num` frames at equal distances; with `duration`, the last are
    those of every so long part of the clip, in seconds. With `legacy_split_by_text_token`, the default, only clips with
    a mark in the text are used, in the order of the marks; the others have an empty list. Later operators read the
    frames by their `image_key`. New files are JPEG, in the folder `media` of the output. `frame_dir` and
    `video_backend` have no effect, and with `output_format: bytes` files are listed, too.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "av": "vision"}
    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {operator.listed_in: _LISTS}
    )

    frame_sampling_method: FrameSampling = "all_keyframes"
    output_format: Literal["path", "bytes"] = "path"
    frame_num: PositiveInt = 3
    duration: float = Field(0, ge=0)
    frame_key: str | None = None
    frame_field: str = Field("video_frames", min_length=1)
    legacy_split_by_text_token: bool = True

    @property
    def listed_in(self) -> str:
        """Return the field that lists the frames."""
        return self.frame_key or self.frame_field

    def making(self) -> ExtractedFrames:
        """Return the extraction."""
        return ExtractedFrames(self.frame_sampling_method, self.frame_num, self.duration)

    def written_to(self, keys: MediaKeys) -> MediaKeys:
        """Return the fields that list the new files."""
        return replace(keys, videos=self.listed_in)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the frames of every clip."""
        seen = media(batch)
        mark = seen.media_access.keys.tokens.video
        samples = zip(batch.text.to_pylist(), seen.made("videos", self.making()), strict=True)
        lists = [
            [
                list(frames) if number < text.count(mark) or not self.legacy_split_by_text_token else []
                for number, frames in enumerate(made)
            ]
            for text, made in samples
        ]
        return {self.listed_in: pa.array(lists, _LISTS)}
