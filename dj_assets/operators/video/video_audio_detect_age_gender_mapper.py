"""Estimate age and gender of the voice in clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dj_assets.models.human.sound import voice_model
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.human import SoundAnnotator, per_clip
from dj_assets.operators.registry import register

_NUMBERS = pa.list_(pa.float64())
_VOICE = pa.struct([("Age", pa.list_(pa.int64())), ("female", _NUMBERS), ("male", _NUMBERS), ("child", _NUMBERS)])


@register("video_audio_detect_age_gender_mapper")
class VideoAudioDetectAgeGenderMapper(SoundAnnotator):
    """Write age and gender of the voice of every clip into the list `tag_field_name` of `__dj__meta__`.

    Both are off unless a recipe names a model: without `hf_audio_mapper`, nothing is estimated. The model is wav2vec
    2.0 with one head each. The weights that Data-Juicer takes are not for commerce, and must be put into the folder of
    models by the user. There is no value where the tag of the sound is not `Speech`.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.tag_field_name}": per_clip(_VOICE)}
    )

    hf_audio_mapper: str | None = Field(None, min_length=1)
    tag_field_name: str = Field("audio_speech_attribute", min_length=1)

    def models(self) -> tuple[str, ...]:
        """Return the name of the model, if one is named."""
        return (self.hf_audio_mapper,) if self.hf_audio_mapper else ()

    def heard(self, batch: Batch, sound: np.ndarray) -> dict[str, Any] | None:
        """Return age and gender of a voice."""
        if self.hf_audio_mapper is None:
            return None
        return voice_model(batch.models.find(self.hf_audio_mapper).path).attribute(sound)

    def silent(self, *, has_sound: bool) -> None:
        """Return nothing."""

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the attributes of every sample."""
        ((name, kind),) = self.fields.items()
        return {name: pa.array(self.annotated(batch), kind)}
