"""Rewrite a sentence by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import not_empty
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register

_ASSISTANT = "You are a helpful assistant who answers precisely and politely."


@register("sentence_augmentation_mapper")
class SentenceAugmentationMapper(LlmFieldMapper):
    """Write the text as a language model rewrites it into the field `text_key_second`.

    `task_sentence` says how to rewrite it. Without it, the field is empty; unlike in Data-Juicer, the text stays. White
    space and double quotes at both ends of the answer go. A sample whose call failed has no second text.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {operator.text_key_second: pa.string()}
    )

    hf_model: str | None = "Qwen/Qwen2-7B-Instruct"
    system_prompt: str | None = None
    task_sentence: str | None = None
    max_new_tokens: PositiveInt = 256
    temperature: float | None = Field(0.2, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    num_beams: PositiveInt = 1
    text_key_second: str = Field("second_text", min_length=1)

    @property
    def model(self) -> str | None:
        """Return the name of the model."""
        return self.hf_model

    def usual_sampling(self) -> Mapping[str, Any]:
        """Return the sampling; servers search no beams, so that `num_beams` has an effect only if it is above 1."""
        given = {"max_new_tokens": self.max_new_tokens, "temperature": self.temperature, "top_p": self.top_p}
        beams = {"num_beams": self.num_beams} if self.num_beams > 1 else {}
        return {key: value for key, value in given.items() if value is not None} | beams

    def system(self) -> str:
        """Return the system prompt."""
        return _ASSISTANT if self.system_prompt is None else self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the sentence with the task; None without a task or a sentence."""
        if not self.task_sentence:
            return [None] * len(batch)
        texts = batch.text.to_pylist()
        return [f'Here is a sentence: "{text}". {self.task_sentence}' if text.strip() else None for text in texts]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the sentence without quotes around it."""
        [name] = self.fields
        return {name: not_empty(answer.strip().strip('"'))}

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return an empty text where nothing was asked, else none."""
        [name] = self.fields
        return {name: ["" if prompt is None else None for prompt in self.prompts(batch)]}
