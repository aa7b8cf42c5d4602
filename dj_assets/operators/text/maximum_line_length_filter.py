"""Filter texts by the length of their longest line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Limit, RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import characters


@register("maximum_line_length_filter")
class MaximumLineLengthFilter(RangeFilter):
    """Keep texts whose longest line is between two bounds.

    Lines are those of `str.splitlines`, without their breaks. An empty text has 0.
    """

    bounds = ("min_len", "max_len")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("max_line_length", pa.int64(), "characters"),)

    min_len: Limit = 10
    max_len: Limit = sys.maxsize

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the code points of the longest line of every text."""
        return {"max_line_length": pa.array(characters(batch).longest_line)}
