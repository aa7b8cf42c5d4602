"""Filter samples by the BLIP probability that a text matches its images."""

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
from dj_assets.operators.views.scores import LISTS, Reduction, lists, reduced


@register("image_text_matching_filter")
class ImageTextMatchingFilter(ListRangeFilter):
    """Keep samples whose chunks of text, any or all, match their images by BLIP's probability (Li et al. 2022).

    The statistic is the probability of a match. `reduce_mode` combines the images of a chunk into one number. A long
    text is cut to the model's 512 tokens. A chunk has no number if it contains no image token, or if no listed image is
    left for it.
    """

    bounds = ("min_score", "max_score")
    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("image_text_matching_score", LISTS, "probability for each chunk"),
    )

    hf_blip: str = "Salesforce/blip-itm-base-coco"
    min_score: float = 0.003
    max_score: float = 1.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    reduce_mode: Reduction = "avg"

    def models(self) -> tuple[str, ...]:
        """Return the name of the BLIP model."""
        return (self.hf_blip,)

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        geometry = preprocessing(models.find(self.hf_blip).path).geometry
        return (Crop(geometry, Flips(self.horizontal_flip, self.vertical_flip)),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the probability for every chunk."""
        chunks = media(batch).chunks("images")
        if not any(chunks):
            return {"image_text_matching_score": lists([[] for _ in chunks])}
        crops = media(batch).values("images", *self.features_for(batch.models))
        pairs = [
            [[(crop, text) for crop in images[which]] for text, which in sample]
            for images, sample in zip(crops, chunks, strict=True)
        ]
        flat = [pair for sample in pairs for chunk in sample for pair in chunk]
        images = {id(crop): crop for crop, _ in flat}
        indices = {key: index for index, key in enumerate(images)}
        texts = {text: index for index, text in enumerate(dict.fromkeys(text for _, text in flat))}
        model = load.image_text_matcher(batch.models.find(self.hf_blip).path)
        wanted = [(indices[id(crop)], texts[text]) for crop, text in flat]
        scores = iter(model.scores(list(images.values()), list(texts), wanted).tolist())
        return {
            "image_text_matching_score": lists(
                [[reduced([next(scores) for _ in chunk], self.reduce_mode) for chunk in sample] for sample in pairs]
            )
        }
