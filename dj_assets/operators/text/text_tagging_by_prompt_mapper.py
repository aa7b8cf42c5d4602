"""Tag texts by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import filled, not_empty
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register

TEXT_TAGS = "__dj__text_tags__"
_PROMPT = """\
Which of these categories does the text below belong to: {tag_list}?
Reply with one category and nothing else.

Text:
{text}
"""
# The categories of Data-Juicer, in Chinese.
_TAGS = "数学 代码 翻译 角色扮演 开放领域问答 特定领域问答 提取 生成 头脑风暴 分类 总结 改写 其他"


@register("text_tagging_by_prompt_mapper")
class TextTaggingByPromptMapper(LlmFieldMapper):
    """Write the answer of a language model about the text into a list of one element, the field `__dj__text_tags__`.

    `prompt` has `{text}` and `{tag_list}`. The answer may be another one than those of `tag_list`. A sample whose call
    failed has no tags.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {TEXT_TAGS: pa.list_(pa.string())}

    hf_model: str | None = "Qwen/Qwen2.5-7B-Instruct"
    prompt: str = _PROMPT
    tag_list: tuple[str, ...] = tuple(_TAGS.split())

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every text."""
        listed = str([*self.tag_list])
        return [filled(self.prompt, text=text, tag_list=listed) for text in batch.text.to_pylist()]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the answer."""
        return {TEXT_TAGS: [not_empty(answer)]}
