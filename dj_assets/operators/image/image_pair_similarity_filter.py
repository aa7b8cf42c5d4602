"""Filter samples by the CLIP similarity of their two images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.errors import SampleError
from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Crop
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import LISTS, lists, over_images


@register("image_pair_similarity_filter")
class ImagePairSimilarityFilter(ListRangeFilter):
    """Keep samples whose two images have a CLIP similarity between two bounds.

    The statistic is the cosine of the two vectors, a list of one number. A sample with images must list exactly two
    different paths, else it is quarantined. A sample without images is kept.
    """

    bounds = ("min_score", "max_score")
    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("image_pair_similarity", LISTS, "cosine of the pair"),)

    hf_clip: str = "openai/clip-vit-base-patch32"
    min_score: float = 0.1
    max_score: float = 1.0

    def models(self) -> tuple[str, ...]:
        """Return the name of the CLIP model."""
        return (self.hf_clip,)

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        return (Crop(preprocessing(models.find(self.hf_clip).path).geometry),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the similarity of every pair."""
        paths = media(batch).listed("images")
        for listed in paths:
            if listed and not len(listed) == len(set(listed)) == 2:
                raise SampleError(
                    f"a pair of images is needed, not {len(listed)} paths, {len(set(listed))} of them distinct"
                )
        if not any(paths):
            return {"image_pair_similarity": lists([[] for _ in paths])}
        path = batch.models.find(self.hf_clip).path
        (feature,) = self.features_for(batch.models)
        seen = over_images(batch, feature, f"clip {path}", load.clip(path).encode_images)
        return {"image_pair_similarity": lists([[float(pair[0] @ pair[1])] if pair else [] for pair in seen])}
