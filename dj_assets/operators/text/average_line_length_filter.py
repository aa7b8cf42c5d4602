"""Filter texts by their average line length."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Limit, RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import characters, ratio


@register("average_line_length_filter")
class AverageLineLengthFilter(RangeFilter):
    """Keep texts whose average line length is between two bounds.

    Lines are those of `str.splitlines`; line breaks count into the length. An empty text has 0.0.
    """

    bounds = ("min_len", "max_len")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("avg_line_length", pa.float64(), "characters per line"),)

    min_len: Limit = 10
    max_len: Limit = sys.maxsize

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the code points per line of every text."""
        counts = characters(batch)
        return {"avg_line_length": ratio(counts.length, counts.lines)}
