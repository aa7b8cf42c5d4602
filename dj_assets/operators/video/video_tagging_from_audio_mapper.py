"""Tag the sound of clips."""

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


@register("video_tagging_from_audio_mapper")
class VideoTaggingFromAudioMapper(SoundAnnotator):
    """Write the most likely tag of the sound of every clip into the list `tag_field_name` of `__dj__meta__`.

    `hf_ast` is a classifier of sounds such as AST. A clip without sound has `EMPTY`.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.tag_field_name}": per_clip(pa.string())}
    )

    only_speech: ClassVar[bool] = False

    hf_ast: str = Field("MIT/ast-finetuned-audioset-10-10-0.4593", min_length=1)
    tag_field_name: str = Field("video_audio_tags", min_length=1)

    def models(self) -> tuple[str, ...]:
        """Return the name of the classifier."""
        return (self.hf_ast,)

    def heard(self, batch: Batch, sound: np.ndarray) -> str:
        """Return the tag of a sound."""
        return sound_classifier(batch.models.find(self.hf_ast).path).label(sound)

    def silent(self, *, has_sound: bool) -> str:
        """Return the tag of a clip without sound."""
        assert not has_sound  # noqa: S101 - every sound is heard
        return EMPTY

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the tags of every sample."""
        ((name, kind),) = self.fields.items()
        return {name: pa.array(self.annotated(batch), kind)}
