"""Write another version of a sentence by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_chat import SampledAnswers
from dj_assets.operators.kinds.language_model import without_text
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register

_SYSTEM = "You are a helpful and precise assistant that follows instructions exactly."


@register("sentence_augmentation_mapper")
class SentenceAugmentationMapper(SampledAnswers, LlmFieldMapper):
    """Write another version of the text, as a language model makes it by `task_sentence`, into `text_key_second`.

    White space and quotation marks around the answer are removed. Of an answer that holds `keep_after`, only what
    follows its last occurrence is kept; None keeps all. Without `task_sentence`, both texts become empty, as in
    Data-Juicer. A sample whose call failed has no second text. With `temperature` 0 the most likely answer is taken.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {operator.text_key_second or "augmented_text": pa.string()}
    )

    hf_model: str = "Qwen/Qwen2-7B-Instruct"
    system_prompt: str | None = None
    task_sentence: str | None = None
    text_key_second: str | None = Field(default=None, min_length=1)
    keep_after: str | None = Field(default=None, min_length=1)

    def system(self) -> str:
        """Return the system prompt."""
        return _SYSTEM if self.system_prompt is None else self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every text that is not empty."""
        if self.task_sentence is None:
            return [None] * len(batch)
        texts = batch.text.to_pylist()
        return [f'Here is a sentence: "{text}". {self.task_sentence}' if text.strip() else None for text in texts]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the new text; raise `ValueError` if it is empty."""
        kept = answer.rpartition(self.keep_after)[2] if self.keep_after else answer
        text = kept.strip().strip('"').strip()
        if not text:
            raise ValueError("is empty")
        [name] = self.fields
        return {name: text}

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return no text, or empty ones without a task."""
        [name] = self.fields
        return {name: ["" if self.task_sentence is None else None] * len(batch)}

    def apply(self, batch: Batch) -> Batch:
        """Return the batch, with empty texts if there is no task."""
        return without_text(batch) if self.task_sentence is None else batch
