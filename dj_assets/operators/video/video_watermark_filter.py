"""How likely clips bear a watermark."""

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
    """Keep samples with clips, any or all, whose frames a classifier does not hold for watermarked.

    The statistic is the probability of its second class over the frames of a clip, as `reduce_mode` says, one for each
    distinct path that a sample lists; 0.0 for a clip without frames. It must not exceed `prob_threshold`.
    """

    bounds = ("prob_threshold", "prob_threshold")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_watermark_prob", LISTS, "probability for each clip"),
    )

    hf_watermark_model: str = "amrul-hzz/watermark_detector"
    prob_threshold: float = 0.8

    def models(self) -> tuple[str, ...]:
        """Return the classifier."""
        return (self.hf_watermark_model,)

    @property
    def range(self) -> Range:
        """At most the threshold."""
        return replace(super().range, low=None)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the probability for every distinct clip."""
        return {"video_watermark_prob": self.second_class(batch)}
