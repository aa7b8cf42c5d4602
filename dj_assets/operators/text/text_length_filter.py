"""Filter texts by their length."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.base import Limit, RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register


@register("text_length_filter")
class TextLengthFilter(RangeFilter):
    """Keep texts whose length in code points is between two bounds. An empty text has length 0."""

    bounds = ("min_len", "max_len")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("text_len", pa.int64(), "characters"),)

    min_len: Limit = 10
    max_len: Limit = sys.maxsize

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number of code points of every text."""
        return {"text_len": pc.utf8_length(batch.text).cast(pa.int64())}
