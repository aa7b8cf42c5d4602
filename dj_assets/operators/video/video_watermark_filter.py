"""Filter samples by the probability that their clips have a watermark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.classified_frames import ClassifiedFrames
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("video_watermark_filter")
class VideoWatermarkFilter(ClassifiedFrames):
    """Keep samples whose clips, any or all, have a probability of a watermark of at most `prob_threshold`.

    The statistic is the probability of the second class of a classifier, one number for each distinct path of a sample;
    `reduce_mode` combines the frames of a clip. A clip without frames has 0.0.
    """

    bounds = ("prob_threshold", "prob_threshold")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_watermark_prob", LISTS, "probability for each clip"),
    )

    hf_watermark_model: str = "amrul-hzz/watermark_detector"
    prob_threshold: float = 0.8

    def models(self) -> tuple[str, ...]:
        """Return the name of the classifier."""
        return (self.hf_watermark_model,)

    @property
    def range(self) -> Range:
        """Return the range: at most the threshold."""
        return replace(super().range, low=None)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the probability for every distinct clip."""
        return {"video_watermark_prob": self.second_class(batch)}
