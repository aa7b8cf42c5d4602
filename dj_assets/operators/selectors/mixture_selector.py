"""Select a number of samples of each source, by weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt, field_validator

from dj_assets.operators.kinds.field_selector import FieldSelector
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql

# The field in which samples of several sources carry their origin.
ORIGIN = "meta.origin"


@register("mixture_selector")
class MixtureSelector(FieldSelector):
    """Keep `max_sample_num` samples: of each origin in `weights` its share, of every other origin up to that number.

    Shares are rounded up, and the last origins get the rest. Of an origin with fewer samples, all are kept. The origin
    is the value of `field_key`. The samples are the first ones in the order of a hash (MD5) of `seed`, file number and
    row, so the same seed selects the same ones in every run.

    Data-Juicer has no such operator: a recipe's `dataset` with `max_sample_num` means it, in front of all others.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"max_sample_num", "weights", "seed"})
    value_type: ClassVar[pa.DataType] = pa.string()

    max_sample_num: PositiveInt | None = None
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    seed: int = 42
    field_key: str = ORIGIN

    @field_validator("weights")
    @classmethod
    def _has_a_weight(cls, weights: dict[str, float]) -> dict[str, float]:
        if weights and not 0 < sum(weights.values()) < math.inf:
            raise ValueError("needs a weight above 0")
        return weights

    @property
    def numbers(self) -> Mapping[str, int]:
        """Return the number of samples of every origin with a weight, as Data-Juicer computes it."""
        most = self.max_sample_num or 0
        total, left = sum(self.weights.values()), most
        numbers: dict[str, int] = {}
        for origin, weight in self.weights.items():
            numbers[origin] = min(math.ceil(most * (weight / total)), left)
            left -= numbers[origin]
        return numbers

    def value_of(self, value: object) -> object:
        """Return the origin in a field, null if it is no text."""
        return value if isinstance(value, str) else None

    def query(self, samples: int) -> Sql | None:  # noqa: ARG002
        """Return the query of the first samples of every origin in the order of their hashes; None without a number."""
        if self.max_sample_num is None:
            return None
        order = Sql("md5_number_lower(concat_ws(' ', ?, shard, row)), sample", (self.seed,))
        cases = " ".join("WHEN ? THEN ?" for _ in self.numbers)
        counted = [part for pair in self.numbers.items() for part in pair]
        number = Sql(f"CASE value {cases} ELSE ? END" if cases else "?", (*counted, self.max_sample_num))
        return Sql.of(
            "SELECT sample FROM (SELECT sample, row_number() OVER (PARTITION BY value ORDER BY {order}) AS place, value"
            " FROM samples) WHERE place <= {number}",
            order=order,
            number=number,
        )

    @property
    def reason(self) -> str:
        """Return how many samples are kept."""
        return f"not among the {self.max_sample_num} samples that the seed {self.seed} selects by weights"
