"""Select frames of clips, and combine their scores into one number, for several filters."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.views.crops import FrameCrops, Sampling
from dj_assets.operators.views.scores import Reduction


class FramesFilter(ListRangeFilter):
    """Filter by the scores of a model for frames of clips.

    The frames are the key frames, or `frame_num` frames at equal distances in time.
    """

    media: ClassVar[Literal["videos"]] = "videos"

    frame_sampling_method: Sampling = "all_keyframes"
    frame_num: int = Field(default=3, ge=1)
    reduce_mode: Reduction = "avg"

    def features_for(self, models: ModelStore) -> tuple[FrameCrops]:
        """Return the frame crops that the model takes."""
        geometry = preprocessing(models.find(*self.models()).path).geometry
        return (FrameCrops(geometry, self.frame_sampling_method, self.frame_num),)
