"""Extract keywords of a text by a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.language_model import filled, without_text
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register

_PROMPT = """\
List the keywords that name the main concepts, themes and topics of the text below, in the language of the text, most
important first. Reply in this form and with nothing else:
("content_keywords"<|>first keyword, second keyword){completion_delimiter}

Text:
{input_text}
"""
_PATTERN = r'\("content_keywords"(.*?)\)'
_BETWEEN = re.compile(r"[,，、;；\n]")


@register("extract_keyword_mapper")
class ExtractKeywordMapper(LlmFieldMapper):
    """Write the keywords of the text, as a language model names them, into a list `keyword_key` of `__dj__meta__`.

    `prompt_template` has `{input_text}` and `{completion_delimiter}`. The first group of `output_pattern` holds the
    keywords, with commas between. A sample whose call failed has none. An empty text has an empty list. With
    `drop_text`, the text is emptied.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.keyword_key}": pa.list_(pa.string())}
    )

    api_model: str | None = "gpt-4o"
    keyword_key: str = Field("keyword", min_length=1)
    prompt_template: str | None = None
    completion_delimiter: str | None = None
    output_pattern: str | None = None

    drop_text: bool = False

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every text."""
        end = self.completion_delimiter or "<|COMPLETE|>"
        template = self.prompt_template or _PROMPT
        texts = batch.text.to_pylist()
        return [filled(template, input_text=text, completion_delimiter=end) if text.strip() else None for text in texts]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the keywords, each once; raise `ValueError` if the answer has none in the form."""
        found = re.search(self.output_pattern or _PATTERN, answer, re.DOTALL)
        if found is None:
            raise ValueError("does not have the form")
        listed = found[found.re.groups and 1].replace("<|>", "")
        words = [word.strip().strip("\"'") for word in _BETWEEN.split(listed)]
        [name] = self.fields
        return {name: list(dict.fromkeys(word for word in words if word))}

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return an empty list for an empty text, else none."""
        [name] = self.fields
        return {name: [None if text.strip() else [] for text in batch.text.to_pylist()]}

    def apply(self, batch: Batch) -> Batch:
        """Return the batch, with empty texts if they are dropped."""
        return without_text(batch) if self.drop_text else batch
