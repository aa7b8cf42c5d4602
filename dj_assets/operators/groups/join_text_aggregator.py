"""Join the texts of a group."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.base import Aggregator
from dj_assets.operators.registry import register


@register("join_text_aggregator")
class JoinTextAggregator(Aggregator):
    r"""Join the texts of a group in the order of its members, with `separator` between them.

    Data-Juicer has no such operator: its aggregators call models.
    """

    separator: str = "\n\n"

    def aggregate(self, groups: pa.ListArray) -> pa.Array:
        """Return the joined texts."""
        return pc.binary_join(groups, self.separator)
