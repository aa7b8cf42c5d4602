"""Filter samples by the probability that their images have a watermark."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.classified import WatermarkFilter
from dj_assets.operators.kinds.scored_media import ScoredImages
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("image_watermark_filter")
class ImageWatermarkFilter(WatermarkFilter, ScoredImages):
    """Keep samples whose images, any or all, have a probability of a watermark of at most `prob_threshold`.

    The statistic is the probability of the second class of a classifier, one number for each distinct path of a sample.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("image_watermark_prob", LISTS, "probability for each image"),
    )
