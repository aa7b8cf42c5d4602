"""Compute one number for each distinct image or clip with a model, for several filters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.clip_frames import FramesFilter
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.views.crops import Crop
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import Model, lists, of_distinct, over_frames, over_images, reduced


class ScoredMedia(ListRangeFilter):
    """Filter by one number for each distinct file, computed from the output of a model.

    `output` names the output: operators that share it over the same crops compute it once for a batch.
    """

    output: ClassVar[str]

    @abstractmethod
    def scorer(self, path: Path) -> Model:
        """Return the function that computes the output of the model in a file for crops."""

    @abstractmethod
    def number(self, output: np.ndarray) -> float:
        """Return the number of one image or frame, given the output of the model for it."""

    @abstractmethod
    def numbers(self, batch: Batch, output: str, scorer: Model) -> list[list[float]]:
        """Return the numbers of all listed files, nested like their paths; `output` is the cache key."""

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return one number for every distinct file."""
        (statistic,) = self.statistics
        paths = media(batch).listed(self.media)
        if not any(paths):
            return {statistic.key: lists([[] for _ in paths])}
        path = batch.models.find(*self.models()).path
        numbers = self.numbers(batch, f"{self.output} {path}", self.scorer(path))
        return {statistic.key: lists([of_distinct(own, sample) for own, sample in zip(paths, numbers, strict=True)])}


class ScoredImages(ScoredMedia):
    """Filter by one number for each distinct image."""

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "safetensors": "vision"}

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        return (Crop(preprocessing(models.find(*self.models()).path).geometry),)

    def numbers(self, batch: Batch, output: str, scorer: Model) -> list[list[float]]:
        """Return the number of every listed image."""
        (feature,) = self.features_for(batch.models)
        return [[self.number(image) for image in sample] for sample in over_images(batch, feature, output, scorer)]


class ScoredFrames(ScoredMedia, FramesFilter):
    """Filter by one number for each distinct clip, combined over its frames; 0.0 for a clip without frames."""

    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "safetensors": "vision"}

    def numbers(self, batch: Batch, output: str, scorer: Model) -> list[list[float]]:
        """Return the number of every listed clip."""
        (feature,) = self.features_for(batch.models)
        return [
            [reduced([self.number(frame) for frame in frames], self.reduce_mode) for frames in sample]
            for sample in over_frames(batch, feature, output, scorer)
        ]
