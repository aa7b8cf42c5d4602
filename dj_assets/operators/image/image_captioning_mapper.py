"""Describe images by captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.captioning import Captioning
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Crop
from dj_assets.operators.views.media_batch import media


@register("image_captioning_mapper")
class ImageCaptioningMapper(Captioning):
    """Make a sample with captions of the images of each sample, by a model such as BLIP that describes pictures.

    The new sample, a child, stays next to the original one, or replaces it; a sample without images has none. In the
    text of the child, each caption follows the mark of its image, and other text is left out.

    A single caption is the most likely one. Of several (`caption_num`), drawn at random by the content of the image,
    `keep_candidate_mode` keeps one at random, the one most similar to the text, or all, each in a sample.
    Data-Juicer's default model is BLIP-2 with OPT, whose licence forbids commercial use; name another by `hf_img2seq`,
    such as Salesforce/blip-image-captioning-base. `gpu_batch_size` and `trust_remote_code` have no effect.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "torch": "vision", "transformers": "vision"}
    keeps_chunks: ClassVar[bool] = True

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the pixels that the model takes."""
        return (Crop(preprocessing(models.find(self.hf_img2seq).path).geometry),)

    def pictures(self, batch: Batch) -> list[list[Sequence[np.ndarray]]]:
        """Return the pixels of every image."""
        images = media(batch).values("images", *self.features_for(batch.models))
        return [[[image] for image in sample] for sample in images]
