"""Select the samples with the largest or smallest values of a field."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from dj_assets.operators.kinds.field_selector import FieldSelector, limits, share
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql


@register("topk_specified_field_selector")
class TopkSpecifiedFieldSelector(FieldSelector):
    """Keep the samples with the largest values of the field `field_key`, or with the smallest if `reverse` is false.

    Kept are `topk` samples, or the share `top_ratio` of the samples that are left, rounded down; if both are given, the
    smaller number. Of equal values the first samples are kept. A missing value is smaller than all others.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"top_ratio", "topk", "reverse"})

    top_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    topk: PositiveInt | None = None
    reverse: bool = True

    def query(self, samples: int) -> Sql | None:
        """Return the query of the first samples in the order of their values."""
        # as in Data-Juicer, a ratio of 0 is no ratio
        number = share(self.top_ratio or None, self.topk, samples)
        if number is None:
            return None
        order = Sql("DESC" if self.reverse else "ASC")
        query = "SELECT sample FROM samples ORDER BY value {order}, sample LIMIT {number}"
        return Sql.of(query, order=order, number=number)

    @property
    def reason(self) -> str:
        """Return which samples are kept."""
        size = "largest" if self.reverse else "smallest"
        return f"not among the {limits(self.top_ratio, self.topk, 'samples')} with the {size} {self.field_key}"
