"""Filter samples by the probability that their clips are not safe for work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.classified_frames import ClassifiedFrames
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("video_nsfw_filter")
class VideoNsfwFilter(ClassifiedFrames):
    """Keep samples whose clips, any or all, have a probability of being unsafe between two bounds.

    The statistic is the probability of the second class of a classifier, one number for each distinct path of a sample;
    `reduce_mode` combines the frames of a clip. A clip without frames has 0.0. `video_backend` is accepted and has no
    effect.
    """

    bounds = ("min_score", "max_score")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("video_nsfw_score", LISTS, "probability for each clip"),)

    hf_nsfw_model: str = "Falconsai/nsfw_image_detection"
    min_score: float = 0.0
    max_score: float = 0.5
    video_backend: Literal["av", "ffmpeg"] = "av"

    def models(self) -> tuple[str, ...]:
        """Return the name of the classifier."""
        return (self.hf_nsfw_model,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the probability for every distinct clip."""
        return {"video_nsfw_score": self.second_class(batch)}
