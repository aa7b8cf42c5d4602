"""Define the base class of mappers that write what a language model answers into fields."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import pyarrow as pa

from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator


class LlmFieldMapper(LanguageModelOperator, FieldMapper):
    """Write fields that are read from the answers of a language model.

    A subclass has the `fields`, the `prompts` and `read`. A sample whose call failed has the values of `unanswered`, by
    default none.
    """

    @abstractmethod
    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every sample, None for a sample that is not asked about."""

    @abstractmethod
    def read(self, answer: str) -> Mapping[str, object]:
        """Return the value of every field; raise `ValueError` for an answer that cannot be used."""

    def system(self) -> str | None:
        """Return the system prompt, None if there is none."""
        return None

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return the values of every field for samples without an answer, by default nulls."""
        return {name: [None] * len(batch) for name in self.fields}

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the fields of every sample."""
        given = self.ask(batch, self.prompts(batch), self.read, self.system())
        without = self.unanswered(batch)
        return {
            name: pa.array(
                [without[name][index] if row is None else row[name] for index, row in enumerate(given)], kind
            )
            for name, kind in self.fields.items()
        }
