"""Define the base class of filters by the size of media files."""

from __future__ import annotations

from typing import ClassVar

from dj_assets.operators.conditions import EachInRange, Range
from dj_assets.operators.kinds.media_filter import OneFeatureFilter
from dj_assets.operators.kinds.sizes import Size, size_in_bytes


class FileSizeFilter(OneFeatureFilter):
    """Keep samples whose files, any or all, have a size between two bounds, such as `"124KB"`.

    A kilobyte is 1,024 bytes. The only statistic is the number of bytes of each listed file, which the only feature
    computes.
    """

    judging: ClassVar[frozenset[str]] = OneFeatureFilter.judging | {"min_size", "max_size"}

    min_size: Size = "0"
    max_size: Size = "1TB"

    @property
    def condition(self) -> EachInRange:
        """Return the condition that any or all sizes are in the range; a sample without files passes."""
        bounds = Range(
            key=self.statistics[0].key,
            low=size_in_bytes(self.min_size),
            high=size_in_bytes(self.max_size),
            low_name="min_size",
            high_name="max_size",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )
        return EachInRange(bounds, self.any_or_all, empty=True)
