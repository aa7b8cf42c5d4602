"""Estimate age and gender of the faces of people in clips."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.media.track_crops import TrackCrops
from dj_assets.models import load
from dj_assets.models.human.tracks import Track
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.human import TrackAnnotator, of_clip, per_track
from dj_assets.operators.registry import register
from dj_assets.operators.views.human_tracks import boxes_of

_SHARE = pa.list_(pa.string())
_ATTRIBUTE = pa.struct(
    [("face_attribute_path", pa.string()), ("age", pa.float64()), ("gender", _SHARE), ("race", _SHARE)]
)
_CONTEXT, _EDGE = 0.5, 224
# Of a track with more frames, 15 faces are seen.
_LONG, _FACES = 75, 15
_NOTHING = [None, "0"]


@register("video_human_tracks_face_demographic_mapper")
class VideoHumanTracksFaceDemographicMapper(TrackAnnotator):
    """Write age and gender of every person's face into the field `tag_field_name` of `__dj__meta__`.

    Both are off unless a recipe names a model: `age_model` and `gender_model` are image classifiers in the format of
    transformers, whose labels are numbers of years (or ranges such as `20-29`), and `Man` and `Woman`. The age is the
    median over the faces, the gender the most frequent label with its share as a text. Every `detect_interval`-th face
    is seen, of long tracks 15 faces. The race is never estimated. `original_data_save_path` has no effect.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.tag_field_name}": per_track(_ATTRIBUTE)}
    )

    detect_interval: PositiveInt = 5
    age_model: str | None = Field(None, min_length=1)
    gender_model: str | None = Field(None, min_length=1)
    tag_field_name: str = Field("video_facetrack_attribute_demographic", min_length=1)

    def models(self) -> tuple[str, ...]:
        """Return the names of the classifiers that are named."""
        return tuple(name for name in (self.age_model, self.gender_model) if name)

    def annotation(self, one: Batch, clip: int, track: Track, fps: float) -> dict[str, Any]:  # noqa: ARG002
        """Return age and gender of a track."""
        found: dict[str, Any] = {"face_attribute_path": None, "age": None, "gender": _NOTHING, "race": _NOTHING}
        if not self.models():
            return found
        interval = max(1, len(track) // _FACES) if len(track) > _LONG else self.detect_interval
        boxes = boxes_of(track, track.faces, range(0, len(track), interval))
        crops = of_clip(one, clip, TrackCrops(boxes, _EDGE, _CONTEXT))
        if self.age_model:
            found["age"] = float(np.median([_years(label) for label in _labels(one, self.age_model, crops)]))
        if self.gender_model:
            labels = _labels(one, self.gender_model, crops)
            ((label, times),) = Counter(labels).most_common(1)
            found["gender"] = [label, str(times / len(labels))]
        return found

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the attributes of every sample."""
        ((name, kind),) = self.fields.items()
        return {name: pa.array(self.annotated(batch), kind)}


def _labels(one: Batch, name: str, crops: np.ndarray) -> list[str]:
    """Return the most likely label of every crop."""
    import cv2

    path = one.models.find(name).path
    config = json.loads((path / "config.json").read_text("utf-8"))
    size = int(config.get("image_size", _EDGE))
    resized = [cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops]
    scores = load.image_classifier(path).probabilities(resized)
    return [str(config["id2label"][str(int(index))]) for index in scores.argmax(axis=1)]


def _years(label: str) -> float:
    """Return the years that a label names: a number, or the middle of a range.

    Examples
    --------
    >>> _years("20-29"), _years("31"), _years("more than 70")
    (24.5, 31.0, 70.0)
    """
    numbers = [float(part) for part in label.replace("-", " ").split() if part.isdigit()]
    return sum(numbers) / len(numbers) if numbers else float("nan")
