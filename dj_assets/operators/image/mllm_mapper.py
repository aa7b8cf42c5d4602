"""Answer questions about images by a vision language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.image_chat import ImageChatOperator, SampledAnswers
from dj_assets.operators.registry import register


@register("mllm_mapper")
class MllmMapper(SampledAnswers, ImageChatOperator, FieldMapper):
    """Ask a vision language model the text as a question about each distinct image of a sample.

    The list `answer_key` of `__dj__meta__` has one answer for each image, null for a failed call. The text becomes the
    answers, one in a line; in Data-Juicer it becomes a list, with the prompt in front of each answer. A sample without
    images keeps its text.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.answer_key}": pa.list_(pa.string())}
    )

    hf_model: str = "llava-hf/llava-v1.6-vicuna-7b-hf"
    answer_key: str = Field("mllm_answers", min_length=1)

    def _answers(self, batch: Batch) -> list[list[str | None]]:
        """Return the answers of every sample, asked for once."""
        return batch.derive(("answers about images", self), lambda: self._asked(batch))

    def _asked(self, batch: Batch) -> list[list[str | None]]:
        pictures = self.pictures(batch)
        prompts = [text for text, seen in zip(batch.text.to_pylist(), pictures, strict=True) for _ in seen]
        answers = iter(self.ask(batch, prompts, str.strip, images=[(one,) for seen in pictures for one in seen]))
        return [[next(answers) for _ in seen] for seen in pictures]

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the answers of every sample."""
        [(name, kind)] = self.fields.items()
        return {name: pa.array(self._answers(batch), kind)}

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with the answers as texts."""
        texts = [
            "\n".join(answer for answer in answers if answer) or text
            for text, answers in zip(batch.text.to_pylist(), self._answers(batch), strict=True)
        ]
        return batch.with_text(pa.array(texts, pa.string()))
