"""Filter samples by the CLIP similarity of their images and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.text_similarity import TextSimilarityFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Crop
from dj_assets.operators.views.scores import LISTS, Model, Reduction, over_images

if TYPE_CHECKING:
    import numpy as np


@register("image_text_similarity_filter")
class ImageTextSimilarityFilter(TextSimilarityFilter):
    """Keep samples whose chunks of text, any or all, have a CLIP similarity to their images between two bounds.

    The statistic is the cosine of the two vectors, times the scale of the model, divided by 100 (Radford et al. 2021):
    the cosine itself for the released models. `reduce_mode` combines the images of a chunk into one number. A long text
    is cut to the model's 77 tokens. A chunk has no number if it contains no image token, or if no listed image is left
    for it.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("image_text_similarity", LISTS, "scaled cosine of each chunk"),
    )

    reduce_mode: Reduction = "avg"

    @property
    def reduction(self) -> Reduction:
        """Return how the images of a chunk are combined."""
        return self.reduce_mode

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        return (Crop(*self.geometry(models)),)

    def vectors(self, batch: Batch, output: str, encode: Model) -> list[list[np.ndarray]]:
        """Return the vector of every listed image."""
        (feature,) = self.features_for(batch.models)
        return over_images(batch, feature, output, encode)

    def of_chunk(self, files: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return the vectors of the images of a chunk."""
        return files
