"""Define the base class of mappers that let a language model correct questions and answers by a text."""

from __future__ import annotations

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import filled, put
from dj_assets.operators.kinds.optimized_dialog import PAIR, QUERY, RESPONSE, OptimizedDialog

_REFERENCE = "[Reference]\n{}"
_INPUT = "{reference}\n{qa_pair}"


class CalibratedDialog(OptimizedDialog):
    """Let a language model correct the fields `query` and `response` of each sample by its text.

    A sample whose call failed keeps its fields, and a sample with neither of them is not asked about. `input_template`
    has `{reference}` and `{qa_pair}`; in the others, `{}` stands for the text, or for question and answer.
    """

    api_model: str | None = "gpt-4o"
    reference_template: str | None = None

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every sample."""
        columns = (batch.text.to_pylist(), self.values_of(batch, QUERY), self.values_of(batch, RESPONSE))
        reference, pair = self.reference_template or _REFERENCE, self.qa_pair_template or PAIR
        return [
            filled(self.input_template or _INPUT, reference=put(reference, text), qa_pair=put(pair, query, response))
            if query or response
            else None
            for text, query, response in zip(*columns, strict=True)
        ]
