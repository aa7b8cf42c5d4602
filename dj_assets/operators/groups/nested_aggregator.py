"""Summarize the texts of a group by a language model."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.operators.batch import TEXT, Batch
from dj_assets.operators.kinds.llm_aggregator import LlmAggregator
from dj_assets.operators.kinds.summaries import Summary
from dj_assets.operators.registry import register


@register("nested_aggregator")
class NestedAggregator(LlmAggregator):
    """Make one text of the texts of a group, as a language model summarizes them.

    The texts are those of the field `input_key` of `__dj__meta__`. The summary is the text of the aggregate, and the
    field `output_key` of `__dj__batch_meta__`, by default of the same name. Parts of at most `max_token_num` tokens, as
    far as they can be estimated, are summarized first, then their summaries. A part whose call failed is left out.
    """

    output_key: str | None = None
    system_prompt: str | None = None
    sub_doc_template: str | None = None
    input_template: str | None = None

    @property
    def output_name(self) -> str:
        """Return the name of the field in `__dj__batch_meta__`."""
        return self.output_key or self.input_key or TEXT

    def answers(self, batch: Batch, groups: Sequence[Sequence[str]]) -> list[tuple[str, object]]:
        """Return the summary of every group."""
        summary = Summary(self, self.max_token_num, self.system_prompt, self.sub_doc_template, self.input_template)
        return [(text, text) for text in summary.of_groups(batch, groups)]
