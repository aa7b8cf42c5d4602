"""Filter samples by the predicted aesthetic rating of their images."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.aesthetics import AestheticsFilter
from dj_assets.operators.kinds.scored_media import ScoredImages
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("image_aesthetics_filter")
class ImageAestheticsFilter(AestheticsFilter, ScoredImages):
    """Keep samples whose images, any or all, have a predicted aesthetic rating between two bounds.

    The predictor is a model over CLIP. The statistic is the predicted rating divided by `score_scale`, one number for
    each distinct path of a sample. By default, `score_scale` is 10 for models named `aesthetics-predictor`, whose
    ratings go up to 10, and 1 for others.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("image_aesthetics_scores", LISTS, "rating of each image"),)

    min_score: float = 0.5
    max_score: float = 1.0

    def number(self, output: np.ndarray) -> float:
        """Return the rating of an image, divided in double precision."""
        return float(output) / self.scale
