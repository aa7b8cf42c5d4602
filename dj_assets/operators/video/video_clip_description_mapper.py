"""Describe whole clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.media.small_frames import SmallFrames
from dj_assets.models.human.describing import frames_describer
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.human import ClipAnnotator, per_clip
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media

_QUERY = (
    "Describe what happens in the video, the surroundings and the atmosphere, in less than 200 words. Name the actions "
    "of the people in their order."
)
_LONGEST = 448


@register("video_clip_description_mapper")
class VideoClipDescriptionMapper(ClipAnnotator):
    """Write events, surroundings and atmosphere of every clip into the list `tag_field_name` of `__dj__meta__`.

    `video_describe_model_path` is a vision language model in the format of transformers; it sees `frame_num` frames at
    equal distances in time. `query` is the question. Data-Juicer has no operator for this step of HumanVBench.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.tag_field_name}": per_clip(pa.string())}
    )

    query: str = _QUERY
    video_describe_model_path: str = Field("DAMO-NLP-SG/VideoLLaMA3-7B", min_length=1)
    frame_num: PositiveInt = 8
    tag_field_name: str = Field("video_description", min_length=1)

    def models(self) -> tuple[str, ...]:
        """Return the name of the model."""
        return (self.video_describe_model_path,)

    def features(self) -> tuple[SmallFrames]:
        """Return the frames that the model sees."""
        return (SmallFrames(longest=_LONGEST, count=self.frame_num),)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the descriptions of every sample."""
        (feature,) = self.features()
        ((name, kind),) = self.fields.items()
        described = []
        for clips in media(batch).values("videos", feature):
            model = frames_describer(batch.models.find(self.video_describe_model_path).path) if clips else None
            described.append([model.describe(list(frames), self.query) for frames in clips] if model else [])
        return {name: pa.array(described, kind)}
