"""Define the base classes of operators that annotate people in clips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from dj_assets.errors import SampleError
from dj_assets.media.clip_sound import ClipSound
from dj_assets.media.feature import ClipFeature
from dj_assets.models.human.tracks import Track
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.human_tracks import tracks_of
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

SPEECH = "Speech"
EMPTY = "EMPTY"
TAGS = f"{META}.video_audio_tags"


class ClipAnnotator(MediaOperator, FieldMapper):
    """Write fields of samples about the people in their clips. By default, only samples that are kept are annotated."""

    media: ClassVar[Literal["videos"]] = "videos"
    by_default_conditional: ClassVar[bool] = True
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "transformers": "vision"}


class TrackAnnotator(ClipAnnotator):
    """Annotate every track of every clip; without tracks, a sample fails."""

    def tracks(self, batch: Batch) -> list[list[list[tuple[Track, float]]]]:
        """Return the tracks of every clip of every sample with their frame rates.

        Raises
        ------
        SampleError
            If a sample has none: the operator that finds them is missing in the recipe.
        """
        found = tracks_of(batch)
        if any(sample is None for sample in found):
            raise SampleError("has no tracks: video_human_tracks_extraction_mapper must come before")
        return [sample for sample in found if sample is not None]

    def annotated(self, batch: Batch) -> list[list[list[Any]]]:
        """Return what `annotation` finds, nested like the tracks."""
        values = []
        for index, clips in enumerate(self.tracks(batch)):
            one = batch.slice(index, 1)
            values.append([[self.annotation(one, clip, *track) for track in own] for clip, own in enumerate(clips)])
        return values

    def annotation(self, one: Batch, clip: int, track: Track, fps: float) -> Any:  # noqa: ANN401 - each its own type
        """Return the annotation of one track, given a batch of its sample only and the index of its clip."""
        raise NotImplementedError


class SoundAnnotator(ClipAnnotator):
    """Annotate the sound of every clip. Where a tag was written that is not speech, the model is not asked.

    `only_speech` is false for an operator that asks about every sound.
    """

    only_speech: ClassVar[bool] = True

    def features(self) -> tuple[ClipSound]:
        """Return the sound."""
        return (ClipSound(),)

    @abstractmethod
    def heard(self, batch: Batch, sound: np.ndarray) -> Any:  # noqa: ANN401 - each its own type
        """Return the annotation of a sound with speech, `int16`, shape `(n,)`, 16 kHz."""

    def silent(self, *, has_sound: bool) -> Any:  # noqa: ANN401 - each its own type
        """Return the annotation of a clip without speech, or without sound."""
        raise NotImplementedError

    def annotated(self, batch: Batch) -> list[list[Any]]:
        """Return the annotation of every clip."""
        values = []
        tagged = tags_of(batch) if self.only_speech else [None] * len(batch)
        for sounds, tags in zip(media(batch).values("videos", ClipSound()), tagged, strict=True):
            own = []
            for index, sound in enumerate(sounds):
                if sound is None or (tags is not None and tags[index] != SPEECH):
                    own.append(self.silent(has_sound=sound is not None))
                else:
                    own.append(self.heard(batch, sound))
            values.append(own)
        return values


def tags_of(batch: Batch) -> list[list[str] | None]:
    """Return the tags of the sounds of every sample, None without the field."""
    return [value if isinstance(value, list) else None for value in field_values(batch, TAGS)]


def of_clip(one: Batch, clip: int, feature: ClipFeature[Any]) -> Any:  # noqa: ANN401 - the type is that of the feature
    """Return a feature of one clip of the only sample of a batch."""
    return media(one).values("videos", feature)[0][clip]


def per_clip(kind: pa.DataType) -> pa.DataType:
    """Return the type of a field with one value for each clip."""
    return pa.list_(kind)


def per_track(kind: pa.DataType) -> pa.DataType:
    """Return the type of a field with one value for each track of each clip."""
    return pa.list_(pa.list_(kind))
