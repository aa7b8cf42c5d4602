"""Describe a region of both images of a pair by a vision language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.models.text.pictures import Picture
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_chat import ImageChatOperator, SampledAnswers
from dj_assets.operators.kinds.image_pairs import SIDES, PairOperator, WithPreset, boxes, pairs, relative
from dj_assets.operators.kinds.language_model import filled, not_empty
from dj_assets.operators.registry import register

_PROMPT = (
    "Describe clearly what the region {region} of the image shows. The region is given by its left, top, right and "
    "bottom side, relative to the size of the image."
)


@register("img_diff_region_caption_mapper")
class ImgDiffRegionCaptionMapper(WithPreset, SampledAnswers, ImageChatOperator, PairOperator, FieldMapper):
    """Write what the box of a sample shows in each of its two images into `region_caption1` and `region_caption2`.

    A vision language model is asked about each image, with the same prompt: `prompt` has `{region}`, the corners of
    the box relative to the image. Only the answer is kept, without white space at its ends. A failed call leaves no
    caption. The preset `paper` takes at most 64 tokens.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {f"region_caption{side}": pa.string() for side in SIDES}
    paper: ClassVar[Mapping[str, object]] = {"max_new_tokens": 64, "temperature": 0.0}

    hf_model: str = "llava-hf/llava-v1.6-vicuna-7b-hf"
    max_new_tokens: int = Field(default=1024, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    prompt: str = _PROMPT

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return both captions of every sample."""
        if not len(batch):
            return {name: pa.array([], kind) for name, kind in self.fields.items()}
        samples = list(zip(pairs(batch), boxes(batch), strict=True))
        prompts = [filled(self.prompt, region=relative(box, pair[0])) for pair, box in samples for _ in SIDES]
        images = [(Picture.of(picture),) for pair, _ in samples for picture in pair]
        answers = self.ask(batch, prompts, not_empty, images=images)
        return {f"region_caption{side}": pa.array(answers[side - 1 :: len(SIDES)], pa.string()) for side in SIDES}
