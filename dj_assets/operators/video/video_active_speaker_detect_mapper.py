"""Find out who of the people in clips speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, NonNegativeInt

from dj_assets.media.clip_sound import ClipSound
from dj_assets.media.track_crops import TrackCrops
from dj_assets.models.human.light_asd import light_asd
from dj_assets.models.human.mfcc import mfcc
from dj_assets.models.human.speaking import NO_SOUND, NO_SPEECH, Voice, frame_scores, is_vetoed, runs
from dj_assets.models.human.tracks import Track
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.human import SPEECH, TrackAnnotator, of_clip, per_track, tags_of
from dj_assets.operators.registry import register
from dj_assets.operators.views.human_tracks import boxes_of, tracks_of
from dj_assets.operators.views.sample_fields import field_values

_EDGE, _CONTEXT = 224, 0.4
# Data-Juicer names a path of its own folder.
_WEIGHTS = "finetuning_TalkSet.model"


@register("video_active_speaker_detect_mapper")
class VideoActiveSpeakerDetectMapper(TrackAnnotator):
    """Write whether and when every person in a clip speaks into two lists of `__dj__meta__`.

    A model in the shape of Light-ASD scores each frame by face and sound, in pieces of 1 to 6 seconds at the real frame
    rate. `active_speaker_flag` says that a person speaks: if more than `active_threshold` frames in a row have a
    positive score, and the tag of the sound is `Speech`. `active_speaker_seconds` has the seconds of the clip from
    which and to which each such run lasts. With `consistency: on`, a person whose look contradicts the voice in age or
    gender is not the speaker, as far as both are known; with `off`, nothing is compared, which is what Data-Juicer
    1.6.1 does. Samples without tracks or tags have no value. `temp_save_path` has no effect.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {
            f"{META}.{operator.active_speaker_flag}": per_track(pa.bool_()),
            f"{META}.active_speaker_seconds": per_track(pa.list_(pa.list_(pa.float64()))),
        }
    )
    version: ClassVar[int] = 2

    Light_ASD_model_path: str = Field(f"Light-ASD/{_WEIGHTS}", min_length=1)
    active_threshold: NonNegativeInt = 15
    consistency: Literal["on", "off"] = "on"
    active_speaker_flag: str = Field("active_speaker_flag", min_length=1)

    def models(self) -> tuple[str, ...]:
        """Return the name of the weights; a path that ends with the name of the published file means that file."""
        path = self.Light_ASD_model_path
        return (f"Light-ASD/{_WEIGHTS}" if path.endswith(f"/{_WEIGHTS}") else path,)

    def features(self) -> tuple[ClipSound]:
        """Return the sound."""
        return (ClipSound(),)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return who speaks in every sample."""
        (flag, flag_kind), (seconds, seconds_kind) = self.fields.items()
        found = []
        for index, (tracks, tags) in enumerate(zip(tracks_of(batch), tags_of(batch), strict=True)):
            known = tracks is not None and tags is not None
            found.append(self._of_sample(batch.slice(index, 1), tracks or [], tags or []) if known else None)
        flags = [None if clips is None else [[bool(runs) for runs in clip] for clip in clips] for clips in found]
        return {flag: pa.array(flags, flag_kind), seconds: pa.array(found, seconds_kind)}

    def _of_sample(
        self, one: Batch, clips: Sequence[Sequence[tuple[Track, float]]], tags: Sequence[str]
    ) -> list[list[list[tuple[float, float]]]]:
        """Return the seconds in which every person of every clip speaks, empty for one who does not."""
        about = {key: field_values(one, f"{META}.{key}")[0] for key in _ABOUT}
        found = []
        for clip, tracks in enumerate(clips):
            own = [self._seconds(self._scores(one, clip, *track, tags[clip]), *track) for track in tracks]
            if self.consistency == "on":
                own = [
                    [] if spoken and _contradicted(about, clip, index) else spoken for index, spoken in enumerate(own)
                ]
            found.append(own)
        return found

    def _seconds(self, scores: np.ndarray, track: Track, fps: float) -> list[tuple[float, float]]:
        """Return the seconds of the clip in which a person speaks, given the scores of the frames of a track."""
        spoken = [run for run in runs(scores) if run[1] - run[0] > self.active_threshold]
        return [(round((track.start + first) / fps, 2), round((track.start + end) / fps, 2)) for first, end in spoken]

    def _scores(self, one: Batch, clip: int, track: Track, fps: float, tag: str) -> np.ndarray:
        """Return the score of every frame of a track."""
        sound = of_clip(one, clip, ClipSound())
        if sound is None or tag != SPEECH:
            return np.full(len(track), NO_SOUND if sound is None else NO_SPEECH)
        feature = TrackCrops(boxes_of(track, track.faces, range(len(track))), _EDGE, _CONTEXT, grey=True)
        start, end = (round(frame / fps * 16_000) for frame in (track.start, track.last + 1))
        heard = sound[start:end]
        if not len(heard):
            return np.full(len(track), NO_SOUND)
        model = light_asd(one.models.find(*self.models()).path)
        return frame_scores(model, mfcc(heard), of_clip(one, clip, feature), fps)


_ABOUT = ("audio_speech_attribute", "video_track_is_child", "video_facetrack_attribute_demographic")


def _contradicted(about: Mapping[str, Any], clip: int, track: int) -> bool:
    """Return whether voice and look of a person contradict each other, by the fields of earlier operators."""
    voices, children, faces = (about[key] for key in _ABOUT)
    voice = Voice.of(voices[clip]) if isinstance(voices, list) else None
    answers = children[clip][track] if isinstance(children, list) else None
    gender = faces[clip][track]["gender"] if isinstance(faces, list) else None
    look = None if gender is None or gender[0] is None else (str(gender[0]), float(gender[1]))
    return is_vetoed(voice, answers[0] if answers else None, look)
