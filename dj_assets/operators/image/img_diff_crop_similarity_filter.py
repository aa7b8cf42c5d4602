"""Filter boxes in a pair of images by how similar both crops are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import load
from dj_assets.operators.base import RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_pairs import PairOperator, WithPreset, crops, prepared
from dj_assets.operators.registry import register


@register("img_diff_crop_similarity_filter")
class ImgDiffCropSimilarityFilter(WithPreset, PairOperator, RangeFilter):
    """Keep boxes whose crops of the two images have a CLIP similarity between two bounds.

    The statistic is the cosine of the two vectors; a box without pixels has none. The preset `paper` has no lower
    bound, and leaves out the upper bound itself.
    """

    bounds = ("min_score", "max_score")
    paper: ClassVar[Mapping[str, object]] = {"min_score": -1.0, "max_score": 0.85, "max_closed_interval": False}
    packages: ClassVar[Mapping[str, str]] = {**PairOperator.packages, "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("crop_similarity", pa.float64(), "cosine of the crops"),)

    hf_clip: str = "openai/clip-vit-base-patch32"
    min_score: float = 0.0
    max_score: float = 0.85

    @property
    def costly(self) -> bool:
        """Return true: a model is asked."""
        return True

    def models(self) -> tuple[str, ...]:
        """Return the name of the CLIP model."""
        return (self.hf_clip,)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the similarity of the crops of every box."""
        cuts = crops(batch)
        whole = [(index, pair[0], pair[1]) for index, pair in enumerate(cuts)]
        wanted = [(index, first, second) for index, first, second in whole if first is not None and second is not None]
        found: list[float | None] = [None] * len(cuts)
        if wanted:
            path = batch.models.find(self.hf_clip).path
            vectors = load.clip(path).encode_images([prepared(path, crop) for _, *pair in wanted for crop in pair])
            for place, (index, *_) in enumerate(wanted):
                found[index] = float(vectors[2 * place] @ vectors[2 * place + 1])
        return {"crop_similarity": pa.array(found, pa.float64())}
