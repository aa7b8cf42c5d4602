"""Define the base class of aggregators that ask a language model about the members of a group."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Aggregator
from dj_assets.operators.batch import META, TEXT, Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator

# The field into which aggregators of Data-Juicer write.
BATCH_META = "__dj__batch_meta__"
_BYTES_PER_TOKEN = 4


class LlmAggregator(LanguageModelOperator, Aggregator):
    """Ask a language model about texts of the members of each group, those of a field of `__dj__meta__`.

    The answer is the text of the aggregate, and the field `output_key` of `__dj__batch_meta__`. Empty texts are left
    out; if a parameter is missing, all are. `max_token_num` limits the tokens of one call, which are estimated: one for
    four bytes of UTF-8.
    """

    output_type: ClassVar[pa.DataType] = pa.string()

    api_model: str | None = "gpt-4o"
    input_key: str | None = Field("event_description", min_length=1)
    max_token_num: PositiveInt | None = None

    @property
    def members_key(self) -> str | None:
        """Return the field of the members that is read."""
        return f"{META}.{self.input_key}" if self.input_key else self.text_key

    def missing(self) -> str | None:
        """Return which parameter is missing that the question needs, None if none is."""
        return None

    def problem(self) -> str | None:
        """Return why nothing can be asked: a parameter is missing, or no model is configured."""
        return self.missing() or super().problem()

    @property
    @abstractmethod
    def output_name(self) -> str:
        """Return the name of the field in `__dj__batch_meta__`."""

    @abstractmethod
    def answers(self, batch: Batch, groups: Sequence[Sequence[str]]) -> list[tuple[str, object]]:
        """Return the text of every aggregate and the value of its field; `batch` has a row for each group."""

    def aggregate(self, groups: pa.ListArray) -> pa.Array:
        """Return the aggregates, without answers that are kept."""
        return self.aggregate_with(groups, ModelStore())

    def aggregate_with(self, groups: pa.ListArray, models: ModelStore) -> pa.Array:
        """Return the aggregates."""
        texts = [[text for text in members if text and text.strip()] for members in groups.to_pylist()]
        if self.missing():
            texts = [[] for _ in texts]
        batch = Batch.of_texts([""] * len(texts), models)
        name = f"{BATCH_META}.{self.output_name}"
        made = [{TEXT: text, name: value} for text, value in self.answers(batch, texts)]
        return pa.array(made, pa.struct([(TEXT, pa.string()), (name, self.output_type)]))


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has.

    Examples
    --------
    >>> estimated_tokens("four words of text"), estimated_tokens("中文")
    (5, 2)
    """
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def parts_within(texts: Sequence[str], most: int | None) -> list[list[str]]:
    """Return texts in parts of about equal size, each of at most `most` tokens; a longer text is a part by itself.

    Examples
    --------
    >>> parts_within(["a" * 40, "b" * 40, "c" * 40], 25)
    [['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'], \
['cccccccccccccccccccccccccccccccccccccccc']]
    """
    sizes = [estimated_tokens(text) for text in texts]
    if most is None or sum(sizes) <= most:
        return [[*texts]]
    usual = sum(sizes) / (sum(sizes) // most + 1)
    parts: list[list[str]] = [[]]
    filled = 0
    for text, size in zip(texts, sizes, strict=True):
        if parts[-1] and (filled + size > most or filled > usual):
            parts.append([])
            filled = 0
        parts[-1].append(text)
        filled += size
    return parts
