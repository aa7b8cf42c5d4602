"""Filter samples by the predicted aesthetic rating of their images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.aesthetics import PREDICTOR, score_scale
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Crop
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import LISTS, lists, of_distinct, over_images


@register("image_aesthetics_filter")
class ImageAestheticsFilter(ListRangeFilter):
    """Keep samples whose images, any or all, have a predicted aesthetic rating between two bounds.

    The predictor is a model over CLIP. The statistic is the predicted rating divided by `score_scale`, one number for
    each distinct path of a sample. By default, `score_scale` is 10 for models named `aesthetics-predictor`, whose
    ratings go up to 10, and 1 for others.
    """

    bounds = ("min_score", "max_score")
    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("image_aesthetics_scores", LISTS, "rating of each image"),)

    hf_scorer_model: str = ""
    score_scale: float | None = None
    min_score: float = 0.5
    max_score: float = 1.0

    def models(self) -> tuple[str, ...]:
        """Return the name of the predictor."""
        return (self.hf_scorer_model or PREDICTOR,)

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        return (Crop(preprocessing(models.find(*self.models()).path).geometry),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the rating of every distinct image."""
        paths = media(batch).listed("images")
        if not any(paths):
            return {"image_aesthetics_scores": lists([[] for _ in paths])}
        path = batch.models.find(*self.models()).path
        (feature,) = self.features_for(batch.models)
        ratings = over_images(batch, feature, f"ratings {path}", load.aesthetics_predictor(path).scores)
        scale = score_scale(self.score_scale, *self.models())
        return {
            "image_aesthetics_scores": lists(
                [
                    of_distinct(sample_paths, [float(score) / scale for score in sample])
                    for sample_paths, sample in zip(paths, ratings, strict=True)
                ]
            )
        }
