"""Define the prompt of operators whose task is given in the recipe: with background, examples and reasoning."""

from __future__ import annotations

from typing import Literal

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.operators.views.sample_fields import field_values

Strategy = Literal["direct", "cot", "few_shot", "cot_shot"]


class LlmInstruction(LanguageModelOperator):
    """Ask about each sample as the recipe says.

    `knowledge_grounding_fixed` is background for all samples, else that in the field `knowledge_grounding_key`. With
    the strategies `cot` and `cot_shot` the model first reasons; with `few_shot` and `cot_shot` it gets `examples`.
    """

    api_or_hf_model: str | None = "gpt-4o"
    knowledge_grounding_key: str | None = None
    knowledge_grounding_fixed: str | None = None
    strategy: Strategy | None = None
    examples: str | None = None

    @property
    def reasons(self) -> bool:
        """Return whether the model reasons before it answers."""
        return (self.strategy or "").startswith("cot")

    def prompt(self, background: str | None, body: str, wish: str) -> str:
        """Return the prompt of one sample."""
        parts = [f"# Background\n{background}\n\n"] if background else []
        if (self.strategy or "").endswith("shot"):
            parts.append(f"# Examples\n{self.examples or ''}\n\n")
        thoughts = "Think step by step first. " if self.reasons else ""
        return f"{''.join(parts)}{body}\n\n# Answer\n{thoughts}{wish}"

    def backgrounds(self, batch: Batch) -> list[str | None]:
        """Return the background of every sample."""
        if self.knowledge_grounding_fixed or not self.knowledge_grounding_key:
            return [self.knowledge_grounding_fixed] * len(batch)
        values = field_values(batch, self.knowledge_grounding_key)
        return [None if value is None else str(value) for value in values]
