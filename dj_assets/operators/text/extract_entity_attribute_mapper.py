"""Extract attributes of given entities from a text by a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator, filled, without_text
from dj_assets.operators.registry import register

_SYSTEM = """\
Describe "{attribute}" of "{entity}" by the text that you are given, in the language of the text. Then quote up to three
passages of the text that support the description. Reply in this form and with nothing else:
## {attribute}
the description
### Passages
```the first passage```
```the second passage```
"""
_INPUT = "# Text\n```\n{text}\n```\n"
_ATTRIBUTE = r"##\s*{attribute}\s*(.*?)\s*(?:###|$)"
_PASSAGE = r"```(?:\w+\n)?\s*(.*?)\s*```"
_TEXTS = pa.list_(pa.string())


@register("extract_entity_attribute_mapper")
class ExtractEntityAttributeMapper(LanguageModelOperator, FieldMapper):
    """Write attributes of entities, as a language model finds them in the text, into lists of `__dj__meta__`.

    Each of `query_entities` is asked about with each of `query_attributes`, in one call each. The lists `entity_key`,
    `attribute_key`, `attribute_desc_key` and `support_text_key` have an element for each call that was answered:
    entity, attribute, its description, and passages of the text. With `require_support_demos`, an answer without a
    passage cannot be used. Templates have `{entity}`, `{attribute}` and `{text}`; the first groups of the patterns are
    the description and a passage. With `drop_text`, the text is emptied.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: dict(zip(operator.keys(), (_TEXTS, _TEXTS, _TEXTS, pa.list_(_TEXTS)), strict=True))
    )

    api_model: str | None = "gpt-4o"
    query_entities: tuple[str, ...] = ()
    query_attributes: tuple[str, ...] = ()
    entity_key: str = Field("main_entities", min_length=1)
    attribute_key: str = Field("attributes", min_length=1)
    attribute_desc_key: str = Field("attribute_descriptions", min_length=1)
    support_text_key: str = Field("attribute_support_texts", min_length=1)
    system_prompt_template: str | None = None
    input_template: str | None = None
    attr_pattern_template: str | None = None
    demo_pattern: str | None = None
    require_support_demos: bool = True

    drop_text: bool = False

    @property
    def prompts_a_sample(self) -> int:
        """Return the number of pairs of an entity and an attribute."""
        return len(self.query_entities) * len(self.query_attributes)

    def keys(self) -> tuple[str, str, str, str]:
        """Return the names of the written fields."""
        named = (self.entity_key, self.attribute_key, self.attribute_desc_key, self.support_text_key)
        first, second, third, fourth = (f"{META}.{name}" for name in named)
        return first, second, third, fourth

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the lists of every text."""
        texts = batch.text.to_pylist()
        prompts = [filled(self.input_template or _INPUT, text=text) if text.strip() else None for text in texts]
        found: list[list[tuple[str, str, str, list[str]]]] = [[] for _ in texts]
        for entity in self.query_entities:
            for attribute in self.query_attributes:
                system = filled(self.system_prompt_template or _SYSTEM, entity=entity, attribute=attribute)
                given = self.ask(batch, prompts, partial(self.read, attribute), system)
                for rows, answer in zip(found, given, strict=True):
                    if answer is not None:
                        rows.append((entity, attribute, *answer))
        columns = [[[row[index] for row in rows] for rows in found] for index in range(len(self.keys()))]
        kinds = self.fields.values()
        return {key: pa.array(column, kind) for key, column, kind in zip(self.keys(), columns, kinds, strict=True)}

    def read(self, attribute: str, answer: str) -> tuple[str, list[str]]:
        """Return the description of an attribute, and the passages.

        Raises
        ------
        ValueError
            If the answer has no description, or no passage where one is required.
        """
        pattern = (self.attr_pattern_template or _ATTRIBUTE).replace("{attribute}", re.escape(attribute))
        found = re.search(pattern, answer, re.DOTALL)
        description = found[found.re.groups and 1].strip() if found else ""
        matches = re.finditer(self.demo_pattern or _PASSAGE, answer, re.DOTALL)
        passages = [match[match.re.groups and 1] for match in matches]
        if not description or (self.require_support_demos and not passages):
            raise ValueError("does not have the form")
        return description, [passage for passage in passages if passage]

    def apply(self, batch: Batch) -> Batch:
        """Return the batch, with empty texts if they are dropped."""
        return without_text(batch) if self.drop_text else batch
