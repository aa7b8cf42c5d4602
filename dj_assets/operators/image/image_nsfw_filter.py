"""Filter samples by the probability that their images are not safe for work."""

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
    """Keep samples whose images, any or all, have a probability of being unsafe between two bounds.

    The statistic is the probability of the second class of a classifier, one number for each distinct path of a sample.
    """

    bounds = ("min_score", "max_score")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("image_nsfw_score", LISTS, "probability for each image"),)

    hf_nsfw_model: str = "Falconsai/nsfw_image_detection"
    min_score: float = 0.0
    max_score: float = 0.5

    def models(self) -> tuple[str, ...]:
        """Return the name of the classifier."""
        return (self.hf_nsfw_model,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the probability for every distinct image."""
        return {"image_nsfw_score": self.second_class(batch)}
