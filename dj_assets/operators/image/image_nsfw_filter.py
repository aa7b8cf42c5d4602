"""How likely images are not safe for work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.classified_images import ClassifiedImages
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("image_nsfw_filter")
class ImageNsfwFilter(ClassifiedImages):
    """Keep samples with images, any or all, that a classifier holds for safe enough.

    The statistic is the probability of its second class, one for each distinct path that a sample lists.
    """

    bounds = ("min_score", "max_score")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("image_nsfw_score", LISTS, "probability for each image"),)

    hf_nsfw_model: str = "Falconsai/nsfw_image_detection"
    min_score: float = 0.0
    max_score: float = 0.5

    def models(self) -> tuple[str, ...]:
        """Return the classifier."""
        return (self.hf_nsfw_model,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the probability for every distinct image."""
        return {"image_nsfw_score": self.second_class(batch)}
