"""Make questions and answers from a text by a language model."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
from pydantic import PositiveInt, field_validator

from dj_assets.operators.base import Expander
from dj_assets.operators.batch import TEXT, Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.operators.kinds.optimized_dialog import QUERY, RESPONSE
from dj_assets.operators.registry import register

_SYSTEM = (
    "Write questions that the text answers, each with its answer from the text. Use this form for each pair, and write "
    "nothing else:\nHuman: the question\nAssistant: the answer"
)
_PATTERN = r"Human:(.*?)Assistant:(.*?)(?=Human:|$)"
_SAMPLE = pa.struct([(TEXT, pa.string()), (QUERY, pa.string()), (RESPONSE, pa.string())])


@register("generate_qa_from_text_mapper")
class GenerateQaFromTextMapper(LanguageModelOperator, Expander):
    """Replace every sample by one for each pair of question and answer that a language model makes of its text.

    The pairs are in the fields `query` and `response`; the text and other fields are copied. `max_num` is the most
    pairs of one text. The two groups of `output_pattern` are question and answer. A sample whose call failed, and an
    empty text, are replaced by none, as in Data-Juicer.
    """

    hf_model: str | None = "alibaba-pai/pai-qwen1_5-7b-doc2qa"
    max_num: PositiveInt | None = None
    output_pattern: str | None = None

    @field_validator("output_pattern")
    @classmethod
    def _has_groups(cls, pattern: str | None) -> str | None:
        if pattern is not None and re.compile(pattern).groups != len((QUERY, RESPONSE)):
            raise ValueError("needs two groups, for question and answer")
        return pattern

    def read(self, answer: str) -> list[tuple[str, str]]:
        """Return the pairs of an answer; raise `ValueError` if it has none."""
        found: list[Any] = re.findall(self.output_pattern or _PATTERN, answer, re.DOTALL)
        pairs = [(query.strip(), response.strip()) for query, response in found]
        whole = [pair for pair in pairs if all(pair)]
        if not whole:
            raise ValueError("has no pair of question and answer")
        return whole[: self.max_num]

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the pairs of every text, each with the text."""
        texts = batch.text.to_pylist()
        given = self.ask(batch, [text if text.strip() else None for text in texts], self.read, _SYSTEM)
        samples = [
            [{TEXT: text, QUERY: query, RESPONSE: response} for query, response in pairs or ()]
            for text, pairs in zip(texts, given, strict=True)
        ]
        return pa.array(samples, pa.list_(_SAMPLE))
