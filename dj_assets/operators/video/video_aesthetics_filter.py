"""Filter samples by the predicted aesthetic rating of their clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import load
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.aesthetics import PREDICTOR, score_scale
from dj_assets.operators.kinds.clip_frames import FramesFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Sampling
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import LISTS, lists, of_distinct, over_frames, reduced


@register("video_aesthetics_filter")
class VideoAestheticsFilter(FramesFilter):
    """Keep samples whose clips, any or all, have a predicted aesthetic rating between two bounds.

    The predictor is a model over CLIP. The statistic is the predicted rating divided by `score_scale`, one number for
    each distinct path of a sample; `reduce_mode` combines the frames of a clip. A clip without frames has 0.0. By
    default, `score_scale` is 10 for models named `aesthetics-predictor`, whose ratings go up to 10, and 1 for others.
    """

    bounds = ("min_score", "max_score")
    packages: ClassVar[Mapping[str, str]] = {"decord": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_frames_aesthetics_score", LISTS, "rating of each clip"),
    )

    hf_scorer_model: str = ""
    score_scale: float | None = None
    min_score: float = 0.4
    max_score: float = 1.0
    frame_sampling_method: Sampling = "uniform"

    def models(self) -> tuple[str, ...]:
        """Return the name of the predictor."""
        return (self.hf_scorer_model or PREDICTOR,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the rating of every distinct clip."""
        paths = media(batch).listed("videos")
        if not any(paths):
            return {"video_frames_aesthetics_score": lists([[] for _ in paths])}
        path = batch.models.find(*self.models()).path
        (feature,) = self.features_for(batch.models)
        ratings = over_frames(batch, feature, f"ratings {path}", load.aesthetics_predictor(path).scores)
        scale = score_scale(self.score_scale, *self.models())
        return {
            "video_frames_aesthetics_score": lists(
                [
                    of_distinct(
                        sample_paths, [reduced((frames / scale).tolist(), self.reduce_mode) for frames in sample]
                    )
                    for sample_paths, sample in zip(paths, ratings, strict=True)
                ]
            )
        }
