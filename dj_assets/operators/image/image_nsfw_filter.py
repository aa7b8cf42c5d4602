"""Filter samples by the probability that their images are not safe for work."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.classified import NsfwFilter
from dj_assets.operators.kinds.scored_media import ScoredImages
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("image_nsfw_filter")
class ImageNsfwFilter(NsfwFilter, ScoredImages):
    """Keep samples whose images, any or all, have a probability of being unsafe between two bounds.

    The statistic is the probability of the second class of a classifier, one number for each distinct path of a sample.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("image_nsfw_score", LISTS, "probability for each image"),)
