"""Summarize what the texts of a group say about one attribute of an entity by a language model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field, PositiveInt

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import filled, not_empty
from dj_assets.operators.kinds.llm_aggregator import LlmAggregator, parts_within
from dj_assets.operators.kinds.summaries import Summary
from dj_assets.operators.registry import register

_TASK = (
    "Sum up what the documents say about {attribute} of {entity}, in at most {word_limit} words, or characters in "
    "Chinese. Keep the names of the documents, and pass over details that contradict the rest. Reply in this form and "
    "with nothing else:\n# {entity}\n## {attribute}\n<summary>\n{example}"
)
_INPUT = "Documents about {entity}:\n{sub_docs}\n\n{attribute} of {entity}:\n"
_FORM = r"\#\s*{entity}\s*\#\#\s*{attribute}\s*(.*?)\Z"


@register("entity_attribute_aggregator")
class EntityAttributeAggregator(LlmAggregator):
    """Make one text of what the texts of a group say about the `attribute` of an `entity`, by a language model.

    The texts are those of the field `input_key` of `__dj__meta__`. The summary is the text of the aggregate, and the
    field `output_key` of `__dj__batch_meta__`, empty if the call failed. Texts of more than `max_token_num` tokens, as
    far as they can be estimated, are asked about in parts, whose summaries are combined. Templates have `{entity}`,
    `{attribute}`, `{word_limit}`, `{example}` and `{sub_docs}`; the first group of the pattern is the summary.
    """

    entity: str = ""
    attribute: str = ""
    output_key: str = Field("entity_attribute", min_length=1)
    word_limit: PositiveInt = 100
    system_prompt_template: str | None = None
    example_prompt: str | None = None
    input_template: str | None = None
    output_pattern_template: str | None = None

    @property
    def output_name(self) -> str:
        """Return the name of the field in `__dj__batch_meta__`."""
        return self.output_key

    def missing(self) -> str | None:
        """Return which parameter is missing."""
        return None if self.entity and self.attribute else "needs entity and attribute"

    def read(self, answer: str) -> str:
        """Return the summary in an answer; raise `ValueError` if there is none in the form."""
        pattern = filled(
            self.output_pattern_template or _FORM,
            entity=re.escape(self.entity),
            attribute=re.escape(self.attribute),
        )
        found = re.search(pattern, answer, re.VERBOSE | re.DOTALL)
        return not_empty(found[found.re.groups and 1] if found else "")

    def answers(self, batch: Batch, groups: Sequence[Sequence[str]]) -> list[tuple[str, object]]:
        """Return the summary of every group."""
        parts = [
            (index, part)
            for index, texts in enumerate(groups)
            for part in (parts_within(texts, self.max_token_num) if texts else ())
        ]
        prompts = [self._filled(self.input_template or _INPUT, "\n\n".join(part)) for _, part in parts]
        asking = Batch.of_texts([""] * len(parts), batch.models)
        system = self._filled(self.system_prompt_template or _TASK)
        made: list[list[str]] = [[] for _ in groups]
        for (index, _), answer in zip(parts, self.ask(asking, prompts, self.read, system), strict=True):
            made[index] += [answer] if answer else []
        return [(text, text) for text in Summary(self, self.max_token_num).of_groups(batch, made)]

    def _filled(self, template: str, documents: str = "") -> str:
        return filled(
            template,
            entity=self.entity,
            attribute=self.attribute,
            word_limit=str(self.word_limit),
            example=self.example_prompt or "",
            sub_docs=documents,
        )
