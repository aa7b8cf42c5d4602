"""Describe the object that is painted away by a vision language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.models.text.pictures import Picture
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_chat import ImageChatOperator, SampledAnswers
from dj_assets.operators.kinds.image_pairs import boxes, corners, pairs
from dj_assets.operators.kinds.language_model import filled, not_empty
from dj_assets.operators.kinds.removals import OBJECT, RemovalOperator
from dj_assets.operators.registry import register

_PROMPT = (
    "Describe the object in the region {region} of the image. The region is given by its left, top, right and bottom "
    "side in pixels."
)


@register("img_diff_removal_caption_mapper")
class ImgDiffRemovalCaptionMapper(RemovalOperator, SampledAnswers, ImageChatOperator, FieldMapper):
    """Write what the box of a sample shows before it is painted over into `removed_object`.

    A vision language model is asked about the first of `removal_images`: `prompt` has `{region}`, the corners of the
    box in pixels. A failed call leaves no description.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {OBJECT: pa.string()}

    hf_model: str = "llava-hf/llava-v1.6-vicuna-13b-hf"
    max_new_tokens: int = Field(default=64, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    prompt: str = _PROMPT

    @property
    def model(self) -> str:
        """Return the name of the model."""
        return self.hf_model

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the description of every sample."""
        answers: list[str | None] = []
        if len(batch):
            samples = [(pair[0], corners(box, pair[0])) for pair, box in zip(pairs(batch), boxes(batch), strict=True)]
            prompts = [filled(self.prompt, region=str(list(sides))) for _, sides in samples]
            images = [(Picture.of(picture),) for picture, _ in samples]
            answers = self.ask(batch, prompts, not_empty, images=images)
        return {OBJECT: pa.array(answers, pa.string())}
