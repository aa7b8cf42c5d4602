"""Filter samples by the CLIP similarity of the frames of their clips and their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.clip_frames import FramesFilter
from dj_assets.operators.kinds.text_similarity import TextSimilarityFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import FrameCrops
from dj_assets.operators.views.scores import LISTS, Model, Reduction, over_frames

if TYPE_CHECKING:
    import numpy as np


@register("video_frames_text_similarity_filter")
class VideoFramesTextSimilarityFilter(TextSimilarityFilter, FramesFilter):
    """Keep samples whose chunks of text, any or all, have a CLIP similarity to the frames of their clips within bounds.

    The statistic is the same as in `image_text_similarity_filter`. `reduce_mode` combines all frames of all clips of a
    chunk into one number, 0.0 if there are none. A chunk has no number if it contains no video token, or if no listed
    clip is left for it.
    """

    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_frames_text_similarity", LISTS, "scaled cosine of each chunk"),
    )

    @property
    def reduction(self) -> Reduction:
        """Return how the frames of a chunk are combined."""
        return self.reduce_mode

    def features_for(self, models: ModelStore) -> tuple[FrameCrops]:
        """Return the frame crops that the model takes."""
        geometry, flips = self.geometry(models)
        return (FrameCrops(geometry, self.frame_sampling_method, self.frame_num, flips),)

    def vectors(self, batch: Batch, output: str, encode: Model) -> list[list[np.ndarray]]:
        """Return the vectors of the frames of every listed clip."""
        (feature,) = self.features_for(batch.models)
        return over_frames(batch, feature, output, encode)

    def of_chunk(self, files: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return the vectors of all frames of all clips of a chunk."""
        return [frame for frames in files for frame in frames]
