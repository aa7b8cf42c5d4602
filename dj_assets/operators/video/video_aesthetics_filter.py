"""Filter samples by the predicted aesthetic rating of their clips."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.aesthetics import AestheticsFilter
from dj_assets.operators.kinds.scored_media import ScoredFrames
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Sampling
from dj_assets.operators.views.scores import LISTS


@register("video_aesthetics_filter")
class VideoAestheticsFilter(AestheticsFilter, ScoredFrames):
    """Keep samples whose clips, any or all, have a predicted aesthetic rating between two bounds.

    The predictor is a model over CLIP. The statistic is the predicted rating divided by `score_scale`, one number for
    each distinct path of a sample; `reduce_mode` combines the frames of a clip. A clip without frames has 0.0. By
    default, `score_scale` is 10 for models named `aesthetics-predictor`, whose ratings go up to 10, and 1 for others.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_frames_aesthetics_score", LISTS, "rating of each clip"),
    )

    min_score: float = 0.4
    max_score: float = 1.0
    frame_sampling_method: Sampling = "uniform"

    def number(self, output: np.ndarray) -> float:
        """Return the rating of a frame, divided in the precision of the model."""
        return float(output / self.scale)
