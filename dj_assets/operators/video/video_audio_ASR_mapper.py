"""Write down what is said in clips."""  # noqa: N999 - the name in Data-Juicer

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dj_assets.models.human.sound import speech_recogniser
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.human import EMPTY, SoundAnnotator, per_clip
from dj_assets.operators.registry import register

_WORDS = pa.struct([("language", pa.string()), ("asr", pa.string())])


@register("video_audio_ASR_mapper")
class VideoAudioASRMapper(SoundAnnotator):
    """Write what is said in every clip, and the language, into the list `speech_ASR` of `__dj__meta__`.

    `model_dir_ASR` is a recogniser of speech in the format of transformers, such as Whisper; the licence of
    Data-Juicer's default, SenseVoiceSmall, is an agreement of its own, and its format is another one. Both texts are
    empty where the tag of the sound is not `Speech`, and `EMPTY` in a clip without sound.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.speech_ASR}": per_clip(_WORDS)}
    )

    model_dir_ASR: str = Field("FunAudioLLM/SenseVoiceSmall", min_length=1)  # noqa: N815 - the name in Data-Juicer
    speech_ASR: str = Field("speech_ASR", min_length=1)  # noqa: N815 - the name in Data-Juicer

    def models(self) -> tuple[str, ...]:
        """Return the name of the recogniser."""
        return (self.model_dir_ASR,)

    def heard(self, batch: Batch, sound: np.ndarray) -> dict[str, str]:
        """Return language and words of speech."""
        language, words = speech_recogniser(batch.models.find(self.model_dir_ASR).path).words(sound)
        return {"language": language, "asr": words}

    def silent(self, *, has_sound: bool) -> dict[str, str]:
        """Return no words, or that there is no sound."""
        return dict.fromkeys(("language", "asr"), "" if has_sound else EMPTY)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the words of every sample."""
        ((name, kind),) = self.fields.items()
        return {name: pa.array(self.annotated(batch), kind)}
