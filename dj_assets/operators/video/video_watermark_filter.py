"""Filter samples by the probability that their clips have a watermark."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.classified import WatermarkFilter
from dj_assets.operators.kinds.scored_media import ScoredFrames
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("video_watermark_filter")
class VideoWatermarkFilter(WatermarkFilter, ScoredFrames):
    """Keep samples whose clips, any or all, have a probability of a watermark of at most `prob_threshold`.

    The statistic is the probability of the second class of a classifier, one number for each distinct path of a sample;
    `reduce_mode` combines the frames of a clip. A clip without frames has 0.0.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_watermark_prob", LISTS, "probability for each clip"),
    )
