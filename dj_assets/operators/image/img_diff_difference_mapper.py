"""Describe the difference of a region of two images by a vision language model, in the published form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.models.text.pictures import Picture, Uint8s
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_chat import ImageChatOperator, SampledAnswers
from dj_assets.operators.kinds.image_pairs import (
    PairOperator,
    WithPreset,
    boxes,
    framed,
    joined,
    pairs,
    relative,
    texts_of,
)
from dj_assets.operators.kinds.language_model import filled, not_empty
from dj_assets.operators.kinds.media_maker import MediaWriter, files_of
from dj_assets.operators.kinds.painted_files import ImageFormat, encoded
from dj_assets.operators.registry import register

_PROMPT = (
    "Two images are side by side, with a black bar between them. In the left image, the red box shows: "
    "{region_caption1}. In the right image, the red box shows: {region_caption2}. Describe in a few sentences how the "
    "content of the two red boxes differs."
)
_QUESTION = (
    "In a few sentences, describe the difference between the area in the red box of the left image and the area in the "
    "red box of the right image."
)
_TURN = pa.struct([("from", pa.string()), ("value", pa.string())])


@register("img_diff_difference_mapper")
class ImgDiffDifferenceMapper(WithPreset, SampledAnswers, ImageChatOperator, MediaWriter, PairOperator, FieldMapper):
    """Write how the box of a sample differs between its two images, and the record of the published data set.

    Both images get a red frame, `frame_width` pixels wide, around the box grown by `grow` pixels. A vision language
    model sees them side by side with a black bar of `bar` pixels, and gets both region captions. Written are
    `difference_caption`; `marked_images`, the framed images, in the folder `media` of the output; and the fields of the
    published records: `conversations` (a fixed question, and the answer), `bbox` (relative corners as a text),
    `captions1`, `captions2` and `path` (the common name of both pictures). A failed call leaves all of them empty. The
    preset `paper` takes at most 128 tokens.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {
        "difference_caption": pa.string(),
        "marked_images": pa.list_(pa.string()),
        "conversations": pa.list_(_TURN),
        "bbox": pa.string(),
        "captions1": pa.string(),
        "captions2": pa.string(),
        "path": pa.string(),
    }
    paper: ClassVar[Mapping[str, object]] = {"max_new_tokens": 128, "temperature": 0.0}

    save_field: str | None = "marked_images"
    hf_model: str = "llava-hf/llava-v1.6-vicuna-7b-hf"
    max_new_tokens: int = Field(default=1024, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    prompt: str = _PROMPT
    question: str = _QUESTION
    grow: int = Field(default=5, ge=0)
    frame_width: int = Field(default=3, ge=1)
    bar: int = Field(default=20, ge=0)
    image_format: ImageFormat = "jpg"

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the answer and the record of every sample."""
        if not len(batch):
            return {name: pa.array([], kind) for name, kind in self.fields.items()}
        samples = list(zip(pairs(batch), boxes(batch), strict=True))
        frames = [[framed(picture, box, self.grow, self.frame_width) for picture in pair] for pair, box in samples]
        captions = list(zip(*(texts_of(batch, f"region_caption{side}") for side in (1, 2)), strict=True))
        prompts = [filled(self.prompt, region_caption1=first, region_caption2=second) for first, second in captions]
        images = [(Picture.of(joined((first, second), self.bar)),) for first, second in frames]
        answers = self.ask(batch, prompts, not_empty, images=images)
        records = [
            None if answer is None else self._record(batch, answer, box, pictures, words)
            for answer, (_, box), pictures, words in zip(answers, samples, frames, captions, strict=True)
        ]
        return {
            name: pa.array([record and record[name] for record in records], kind) for name, kind in self.fields.items()
        }

    def _record(
        self, batch: Batch, answer: str, box: list[float], pictures: list[Uint8s], captions: tuple[str, str]
    ) -> dict[str, Any]:
        files = files_of(batch)
        names = [files.write(encoded(picture, self.image_format), f".{self.image_format}") for picture in pictures]
        corners = relative(box, pictures[0])
        return {
            "difference_caption": answer,
            "marked_images": names,
            "conversations": [{"from": "human", "value": self.question}, {"from": "gpt", "value": answer}],
            "bbox": corners,
            "captions1": captions[0],
            "captions2": captions[1],
            "path": hashlib.sha256("|".join([*names, corners]).encode()).hexdigest()[:32],
        }
