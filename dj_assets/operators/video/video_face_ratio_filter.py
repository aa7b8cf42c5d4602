"""Filter samples by the share of frames with a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.media.faces import FramesWithFaces
from dj_assets.media.feature import MediaFeature
from dj_assets.media.frame_parts import FramesFrom
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.clip_faces import ClipFacesOperator
from dj_assets.operators.kinds.media_filter import ListRangeFilter, OneFeatureFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("video_face_ratio_filter")
class VideoFaceRatioFilter(ClipFacesOperator, OneFeatureFilter, ListRangeFilter):
    """Keep samples whose clips, all or any, have a face in at least a share `threshold` of the frames.

    Every frame is searched, or with `detect_interval` every n-th, beginning with the n-th, by the frontal detector of
    dlib. Frames are made smaller to 1600 pixels a side. `face_model` names a file of YuNet in its place, which also
    finds small faces and those in profile.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "dlib": "faces"}
    bounds: ClassVar[tuple[str, str]] = ("threshold", "threshold")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_face_exist", pa.list_(pa.float64()), "share of frames with a face, of each clip"),
    )

    threshold: float = 0.8
    detect_interval: PositiveInt = 1
    any_or_all: Literal["any", "all"] = "all"

    @property
    def range(self) -> Range:
        """Return the range: at least the threshold."""
        return replace(super().range, high=None)

    def models(self) -> tuple[str, ...]:
        """Return the file of the detector, if one is named."""
        return (self.face_model,) if self.face_model else ()

    @property
    def costly(self) -> bool:
        """Return false: both detectors are quick, and statistics of all samples are worth having."""
        return False

    def features(self) -> tuple[MediaFeature[Any], ...]:
        """Return the share of frames with a face; with a file of a detector, the first frame that it sees."""
        if self.face_model:
            return (FramesFrom(self.detect_interval - 1, count=1),)
        return (FramesWithFaces(self.detect_interval),)

    def features_for(self, models: ModelStore) -> tuple[MediaFeature[Any], ...]:  # noqa: ARG002
        """Return the features; the detector does not change them."""
        return self.features()

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of every clip; 0 if it has no such frame."""
        if self.face_model is None:
            return super().measure(batch)
        shares = []
        for index, clips in enumerate(media(batch).listed("videos")):
            one = batch.slice(index, 1)
            found = [self.faces_by_file(one, clip, self.detect_interval).boxes for clip in range(len(clips))]
            shares.append([sum(len(faces) > 0 for faces in boxes) / max(1, len(boxes)) for boxes in found])
        (statistic,) = self.statistics
        return {statistic.key: pa.array(shares, statistic.type)}
