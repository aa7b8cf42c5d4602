"""Describe whole clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.media.small_frames import SmallFrames
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.frames_chat import FramesChatOperator
from dj_assets.operators.kinds.human import ClipAnnotator, per_clip
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media

_QUERY = (
    "Describe what happens in the video, the surroundings and the atmosphere, in less than 200 words. Name the actions "
    "of the people in their order."
)
_LONGEST = 448


@register("video_clip_description_mapper")
class VideoClipDescriptionMapper(FramesChatOperator, ClipAnnotator):
    """Write events, surroundings and atmosphere of every clip into the list `tag_field_name` of `__dj__meta__`.

    `video_describe_model_path` is a vision language model, in the format of transformers or on the server of `DJ_VLM`;
    it sees `frame_num` frames at equal distances in time. Every call is kept. `query` is the question.
    Data-Juicer has no operator for this step of HumanVBench.
    """

    # a description has up to 200 words
    most_tokens: ClassVar[int] = 320
    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.tag_field_name}": per_clip(pa.string())}
    )

    query: str = _QUERY
    video_describe_model_path: str = Field("DAMO-NLP-SG/VideoLLaMA3-7B", min_length=1)
    frame_num: PositiveInt = 8
    tag_field_name: str = Field("video_description", min_length=1)

    def features(self) -> tuple[SmallFrames]:
        """Return the frames that the model sees."""
        return (SmallFrames(longest=_LONGEST, count=self.frame_num),)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the descriptions of every sample."""
        (feature,) = self.features()
        ((name, kind),) = self.fields.items()
        seen = media(batch).values("videos", feature)
        answers = iter(self.described(batch, [(list(frames), self.query) for clips in seen for frames in clips]))
        return {name: pa.array([[next(answers) for _ in clips] for clips in seen], kind)}
