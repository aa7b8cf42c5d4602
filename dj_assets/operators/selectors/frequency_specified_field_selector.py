"""Select the samples with the most or least frequent values of a field."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.operators.conditions import as_text
from dj_assets.operators.kinds.field_selector import FieldSelector, limits
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql, joined


@register("frequency_specified_field_selector")
class FrequencySpecifiedFieldSelector(FieldSelector):
    """Keep all samples with the most frequent values of the field `field_key`, or the least if `reverse` is false.

    Kept are `topk` values, or the share `top_ratio` of the distinct values, rounded down; if both are given, the
    smaller number. Of equally frequent values those that occur first are kept. A missing value is a value.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"top_ratio", "topk", "reverse"})
    value_type: ClassVar[pa.DataType] = pa.string()

    top_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    topk: PositiveInt | None = None
    reverse: bool = True

    def value_of(self, value: object) -> object:
        """Return the value as text."""
        return as_text(value)

    def query(self, samples: int) -> Sql | None:  # noqa: ARG002
        """Return the query of all samples with the first values in the order of their frequency."""
        given = [
            *([Sql.of("floor({ratio} * count(*) OVER ())", ratio=self.top_ratio)] if self.top_ratio else []),
            *([Sql("?", (self.topk,))] if self.topk else []),
        ]
        if not given:
            return None
        query = """
            WITH counted AS (SELECT value, count(*) AS number, min(sample) AS first FROM samples GROUP BY value),
                 ranked AS (
                     SELECT value, row_number() OVER (ORDER BY number {order}, first) AS rank, least({given}) AS last
                     FROM counted
                 )
            SELECT sample FROM samples JOIN ranked ON samples.value IS NOT DISTINCT FROM ranked.value
            WHERE rank <= last
        """
        return Sql.of(query, order=Sql("DESC" if self.reverse else "ASC"), given=joined(", ", given))

    @property
    def reason(self) -> str:
        """Return which values are kept."""
        which = "most" if self.reverse else "least"
        kept = limits(self.top_ratio, self.topk, "values")
        return f"{self.field_key} is not among the {kept} that are {which} frequent"
