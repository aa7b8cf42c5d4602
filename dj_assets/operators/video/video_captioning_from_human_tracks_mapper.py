"""Describe the people in clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dj_assets.media.track_crops import TrackCrops
from dj_assets.models.human.tracks import Track
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.frames_chat import FramesChatOperator
from dj_assets.operators.kinds.human import TrackAnnotator, of_clip, per_track
from dj_assets.operators.registry import register
from dj_assets.operators.views.human_tracks import boxes_of

_IS_CHILD = "Is the person in the video a little child (younger than about 12 years)? Answer Yes or No."
# The model sees one frame a second, at most 180 of them.
_MOST_FRAMES, _EDGE = 180, 224
_ANSWER = pa.list_(pa.string())


@register("video_captioning_from_human_tracks_mapper")
class VideoCaptioningFromHumanTracksMapper(FramesChatOperator, TrackAnnotator):
    """Write the appearance of every person in a clip, and whether it is a child, into two fields of `__dj__meta__`.

    `video_describe_model_path` is a vision language model, in the format of transformers or on the server of `DJ_VLM`;
    it sees one square around the person for each second. Every call is kept. `human_track_query` is the
    question. The question for a child is part of the check of speakers; with `ask_child: false`, it is not asked, and
    the field is empty. `temp_video_path` has no effect.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {
            f"{META}.{operator.tag_field_name_track_video_caption}": per_track(_ANSWER),
            f"{META}.{operator.tag_field_name_video_track_is_child}": per_track(_ANSWER),
        }
    )

    human_track_query: str = "Describe the person's appearance. Less than 80 words."
    video_describe_model_path: str = Field("DAMO-NLP-SG/VideoLLaMA3-7B", min_length=1)
    ask_child: bool = True
    tag_field_name_track_video_caption: str = Field("track_video_caption", min_length=1)
    tag_field_name_video_track_is_child: str = Field("video_track_is_child", min_length=1)

    @property
    def prompts_a_sample(self) -> int:
        """Return the number of questions about a track."""
        return 2 if self.ask_child else 1

    def annotation(self, one: Batch, clip: int, track: Track, fps: float) -> tuple[list[str], list[str]]:
        """Return the answers to both questions about a track."""
        indices = every_second(track, fps)
        crops = list(of_clip(one, clip, TrackCrops(boxes_of(track, track.persons, indices), _EDGE)))
        queries = [self.human_track_query, *([_IS_CHILD] if self.ask_child else [])]
        caption, *child = self.described(one, [(crops, query) for query in queries])
        return [caption], child

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the answers about every sample."""
        answers = self.annotated(batch)
        return {
            name: pa.array([[[pair[of] for pair in clip] for clip in sample] for sample in answers], kind)
            for of, (name, kind) in enumerate(self.fields.items())
        }


def every_second(track: Track, fps: float) -> list[int]:
    """Return the indices of one frame a second of a track, at most 180, evenly spread."""
    seconds = max(1, round(len(track) / fps))
    return [int(index) for index in np.linspace(0, len(track) - 1, min(_MOST_FRAMES, seconds) + 1).round()[:-1]]
