"""Filter samples by the CLIP similarity of their images and text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Crop, Flips
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import LISTS, Reduction, lists, over_images, reduced, text_vectors


@register("image_text_similarity_filter")
class ImageTextSimilarityFilter(ListRangeFilter):
    """Keep samples whose chunks of text, any or all, have a CLIP similarity to their images between two bounds.

    The statistic is the cosine of the two vectors, times the scale of the model, divided by 100 (Radford et al. 2021):
    the cosine itself for the released models. `reduce_mode` combines the images of a chunk into one number. A long text
    is cut to the model's 77 tokens. A chunk has no number if it contains no image token, or if no listed image is left
    for it.
    """

    bounds = ("min_score", "max_score")
    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("image_text_similarity", LISTS, "scaled cosine of each chunk"),
    )

    hf_clip: str = "openai/clip-vit-base-patch32"
    min_score: float = 0.1
    max_score: float = 1.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    reduce_mode: Reduction = "avg"

    def models(self) -> tuple[str, ...]:
        """Return the name of the CLIP model."""
        return (self.hf_clip,)

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        geometry = preprocessing(models.find(self.hf_clip).path).geometry
        return (Crop(geometry, Flips(self.horizontal_flip, self.vertical_flip)),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the similarity of every chunk."""
        chunks = media(batch).chunks("images")
        texts = [chunk.text for sample in chunks for chunk in sample]
        if not texts:
            return {"image_text_similarity": lists([[] for _ in chunks])}
        path = batch.models.find(self.hf_clip).path
        model = load.clip(path)
        (feature,) = self.features_for(batch.models)
        seen = over_images(batch, feature, f"clip {path}", model.encode_images)
        read = text_vectors(batch, path, texts)
        return {
            "image_text_similarity": lists(
                [
                    [
                        reduced([model.similarity(vector, read[text]) for vector in images[which]], self.reduce_mode)
                        for text, which in sample
                    ]
                    for images, sample in zip(seen, chunks, strict=True)
                ]
            )
        }
