"""Select the samples whose rank by a field is between two bounds."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from dj_assets.operators.kinds.field_selector import FieldSelector
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql

Share = Annotated[float, Field(ge=0, le=1)]


@register("range_specified_field_selector")
class RangeSpecifiedFieldSelector(FieldSelector):
    """Keep the samples whose rank by the field `field_key`, from the smallest value, is between two bounds.

    A bound is a rank, or a share of the samples that are left, rounded down. The lower bound is the larger of the two,
    the upper bound the smaller. Without a lower or an upper bound all samples are kept. Kept are the largest of the
    samples up to the upper bound; of equal values the first samples. A missing value is smaller than all others.
    """

    judging: ClassVar[frozenset[str]] = frozenset({"lower_percentile", "upper_percentile", "lower_rank", "upper_rank"})

    lower_percentile: Share | None = None
    upper_percentile: Share | None = None
    lower_rank: PositiveInt | None = None
    upper_rank: PositiveInt | None = None

    def query(self, samples: int) -> Sql | None:
        """Return the query of the samples between the bounds."""
        lower = _ranks(self.lower_percentile, self.lower_rank, samples)
        upper = _ranks(self.upper_percentile, self.upper_rank, samples)
        if not lower or not upper:
            return None
        last = min(*upper, samples)
        text = (
            "SELECT sample FROM (SELECT sample, value FROM samples ORDER BY value, sample LIMIT ?) "
            "ORDER BY value DESC, sample LIMIT ?"
        )
        return Sql(text, (last, max(0, last - max(lower))))

    @property
    def reason(self) -> str:
        """Return which ranks are kept."""
        low = _in_words(self.lower_percentile, self.lower_rank)
        high = _in_words(self.upper_percentile, self.upper_rank)
        return f"the rank by {self.field_key} is not between {low} and {high}"


def _ranks(share: float | None, rank: int | None, samples: int) -> list[int]:
    return [bound for bound in (None if share is None else int(share * samples), rank) if bound is not None]


def _in_words(share: float | None, rank: int | None) -> str:
    shares = [] if share is None else [f"{share:g} of the samples"]
    return " and ".join([*shares, *([] if rank is None else [f"rank {rank}"])])
