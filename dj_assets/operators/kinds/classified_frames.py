"""Classify frames of clips, for several filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import load
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.clip_frames import FramesFilter
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import lists, of_distinct, over_frames, reduced


class ClassifiedFrames(FramesFilter):
    """Filter by the probability of the second class of an image classifier."""

    packages: ClassVar[Mapping[str, str]] = {"decord": "vision", "safetensors": "vision"}

    def second_class(self, batch: Batch) -> pa.Array:
        """Return the probability for every distinct clip, over its frames."""
        paths = media(batch).listed("videos")
        if not any(paths):
            return lists([[] for _ in paths])
        path = batch.models.find(*self.models()).path
        (feature,) = self.features_for(batch.models)
        probabilities = over_frames(batch, feature, f"classes {path}", load.image_classifier(path).probabilities)
        return lists(
            [
                of_distinct(sample_paths, [reduced(frames[..., 1].tolist(), self.reduce_mode) for frames in sample])
                for sample_paths, sample in zip(paths, probabilities, strict=True)
            ]
        )
