"""Tag images by a vision language model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.image_chat import ImageChatOperator
from dj_assets.operators.registry import register

_TAGS = pa.list_(pa.list_(pa.string()))
_PROMPT = (
    "List short tags for what the image shows: objects, people, places, actions and style. Reply with one JSON list of "
    'texts and nothing else, for instance ["a dog", "beach", "running"].'
)


@register("image_tagging_vlm_mapper")
class ImageTaggingVlmMapper(ImageChatOperator, FieldMapper):
    """Write the tags that a vision language model gives each distinct image into `tag_field_name` of `__dj__meta__`.

    The field is a list with one list of tags for each image, without repetitions. An answer that is no JSON list is
    asked for again with another seed; an image without a usable answer has no tags. `input_template` is the prompt.
    `is_api_model` has no effect.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.tag_field_name}": _TAGS}
    )

    api_or_hf_model: str | None = "Qwen/Qwen2.5-VL-7B-Instruct"
    is_api_model: bool = False
    tag_field_name: str = Field("image_tags", min_length=1)
    system_prompt: str | None = None
    input_template: str | None = None

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the tags of every image."""
        pictures = self.pictures(batch)
        flat = [(picture,) for seen in pictures for picture in seen]
        prompts = [self.input_template or _PROMPT] * len(flat)
        found = iter([tags or [] for tags in self.ask(batch, prompts, _tags, self.system_prompt, images=flat)])
        [name] = self.fields
        return {name: pa.array([[next(found) for _ in seen] for seen in pictures], _TAGS)}


def _tags(answer: str) -> list[str]:
    """Return the texts of the JSON list in an answer; raise `ValueError` if there is none."""
    listed: Any = json.loads(answer[answer.find("[") : answer.rfind("]") + 1])
    if not isinstance(listed, list):
        raise ValueError("is no JSON list")  # noqa: TRY004 - the answer of a model, no argument
    return list(dict.fromkeys(str(tag).strip() for tag in listed if str(tag).strip()))
