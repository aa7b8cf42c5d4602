"""List the entities that have most to do with one of them in the texts of a group by a language model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import filled, list_of_names
from dj_assets.operators.kinds.llm_aggregator import LlmAggregator, estimated_tokens
from dj_assets.operators.registry import register

_TASK = (
    "From the documents about {entity}, list the {entity_type} that have most to do with {entity}, most important "
    "first, and without other names of {entity} itself. Reply in this form, with these marks:\n"
    "## 分析\n<how each is related to {entity}>\n## 列表\n<name>, <name>, …"
)
_INPUT = "Documents about {entity}:\n{sub_docs}\n\n{entity_type} that have most to do with {entity}:\n"
_FORM = r"\#\#\s*列表\s*(.*?)\Z"


@register("most_relevant_entities_aggregator")
class MostRelevantEntitiesAggregator(LlmAggregator):
    """List the entities of a type that have most to do with `entity` in the texts of a group, by a language model.

    The texts are those of the field `input_key` of `__dj__meta__`; of more than `max_token_num` tokens, as far as they
    can be estimated, the first ones. The list is the field `output_key` of `__dj__batch_meta__`, and its names with
    commas between them are the text of the aggregate; both are empty if the call failed. Templates have `{entity}`,
    `{entity_type}` and `{sub_docs}`; the first group of the pattern is the list.
    """

    output_type: ClassVar[pa.DataType] = pa.list_(pa.string())

    entity: str = ""
    query_entity_type: str = ""
    output_key: str = Field("most_relevant_entities", min_length=1)
    system_prompt_template: str | None = None
    input_template: str | None = None
    output_pattern: str | None = None

    @property
    def output_name(self) -> str:
        """Return the name of the field in `__dj__batch_meta__`."""
        return self.output_key

    def missing(self) -> str | None:
        """Return which parameter is missing."""
        return None if self.entity and self.query_entity_type else "needs entity and query_entity_type"

    def read(self, answer: str) -> list[str]:
        """Return the names in an answer; raise `ValueError` if there are none in the form."""
        found = re.search(self.output_pattern or _FORM, answer, re.VERBOSE | re.DOTALL)
        names = list_of_names(found[found.re.groups and 1]) if found else []
        if not names:
            raise ValueError("has no names")
        return names

    def answers(self, batch: Batch, groups: Sequence[Sequence[str]]) -> list[tuple[str, object]]:
        """Return the names of every group."""
        template = self.input_template or _INPUT
        prompts = [self._filled(template, "\n\n".join(self._first(texts))) if texts else None for texts in groups]
        given = self.ask(batch, prompts, self.read, self._filled(self.system_prompt_template or _TASK))
        return [(", ".join(names or ()), names or []) for names in given]

    def _first(self, texts: Sequence[str]) -> list[str]:
        most = self.max_token_num
        totals = accumulate(map(estimated_tokens, texts))
        return [text for text, total in zip(texts, totals, strict=True) if most is None or total <= most]

    def _filled(self, template: str, documents: str = "") -> str:
        return filled(template, entity=self.entity, entity_type=self.query_entity_type, sub_docs=documents)
