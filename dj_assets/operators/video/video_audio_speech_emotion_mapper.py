"""Classify the emotion of speech in clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dj_assets.models.human.sound import sound_classifier
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.human import EMPTY, SoundAnnotator, per_clip
from dj_assets.operators.registry import register


@register("video_audio_speech_emotion_mapper")
class VideoAudioSpeechEmotionMapper(SoundAnnotator):
    """Write the emotion of the voice of every clip into the list `speech_Emo` of `__dj__meta__`.

    Emotions are off unless a recipe names a model: without `model_dir_emo`, every emotion is empty. The model is a
    classifier of sounds in the format of transformers, such as one of wav2vec 2.0. The emotion is empty, too, where the
    tag of the sound is not `Speech`, and `EMPTY` in a clip without sound.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.speech_Emo}": per_clip(pa.string())}
    )

    model_dir_emo: str | None = Field(None, min_length=1)
    speech_Emo: str = Field("speech_emotion", min_length=1)  # noqa: N815 - the name in Data-Juicer

    def models(self) -> tuple[str, ...]:
        """Return the name of the classifier, if one is named."""
        return (self.model_dir_emo,) if self.model_dir_emo else ()

    def heard(self, batch: Batch, sound: np.ndarray) -> str:
        """Return the emotion of speech."""
        if self.model_dir_emo is None:
            return ""
        return sound_classifier(batch.models.find(self.model_dir_emo).path).label(sound)

    def silent(self, *, has_sound: bool) -> str:
        """Return no emotion, or that there is no sound."""
        return "" if has_sound else EMPTY

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the emotions of every sample."""
        ((name, kind),) = self.fields.items()
        return {name: pa.array(self.annotated(batch), kind)}
