"""Classify images, for several filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.views.crops import Crop
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import lists, of_distinct, over_images


class ClassifiedImages(ListRangeFilter):
    """Filter by the probability of the second class of an image classifier."""

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "safetensors": "vision"}

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        return (Crop(preprocessing(models.find(*self.models()).path).geometry),)

    def second_class(self, batch: Batch) -> pa.Array:
        """Return the probability for every distinct image."""
        paths = media(batch).listed("images")
        if not any(paths):
            return lists([[] for _ in paths])
        path = batch.models.find(*self.models()).path
        (feature,) = self.features_for(batch.models)
        probabilities = over_images(batch, feature, f"classes {path}", load.image_classifier(path).probabilities)
        return lists(
            [
                of_distinct(sample_paths, [float(classes[1]) for classes in sample])
                for sample_paths, sample in zip(paths, probabilities, strict=True)
            ]
        )
