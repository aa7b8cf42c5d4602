"""Describe the faces of people in clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.media.track_crops import TrackCrops
from dj_assets.models.human.tracks import Track
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.frames_chat import FramesChatOperator
from dj_assets.operators.kinds.human import TrackAnnotator, of_clip, per_track
from dj_assets.operators.registry import register
from dj_assets.operators.video.video_captioning_from_human_tracks_mapper import every_second
from dj_assets.operators.views.human_tracks import boxes_of

_QUERY = (
    "Describe the facial expression of the person, and the emotion that it shows, such as happiness, excitement, love, "
    "gratitude, relief, pride, anger, sadness, fear, guilt, shame, disgust, surprise, confusion, curiosity or boredom."
)
_EDGE, _CONTEXT = 224, 0.8


@register("video_captioning_face_attribute_emotion_mapper")
class VideoCaptioningFaceAttributeEmotionMapper(FramesChatOperator, TrackAnnotator):
    """Write expression and emotion of every person's face into the field `video_facetrack_attribute_emotion`.

    Emotions are off unless a recipe names a model: without `video_describe_model_path`, every text is empty. The model
    is a vision language model, in the format of transformers or on the server of `DJ_VLM`; it sees one square around
    the face for each second. Every call is kept. `face_track_query` is the question.
    `cropping_face_video_temp_path` has no effect.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.video_facetrack_attribute_emotion}": per_track(pa.string())}
    )

    face_track_query: str = _QUERY
    video_describe_model_path: str | None = Field(None, min_length=1)
    video_facetrack_attribute_emotion: str = Field("video_facetrack_attribute_emotion", min_length=1)

    @property
    def prompts_a_sample(self) -> int:
        """Return one question about a track, none without a model."""
        return int(self.video_describe_model_path is not None)

    def annotation(self, one: Batch, clip: int, track: Track, fps: float) -> str:
        """Return the answer about the face of a track."""
        if self.video_describe_model_path is None:
            return ""
        boxes = boxes_of(track, track.faces, every_second(track, fps))
        crops = of_clip(one, clip, TrackCrops(boxes, _EDGE, _CONTEXT))
        (answer,) = self.described(one, [(list(crops), self.face_track_query)])
        return answer

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the answers about every sample."""
        ((name, kind),) = self.fields.items()
        return {name: pa.array(self.annotated(batch), kind)}
