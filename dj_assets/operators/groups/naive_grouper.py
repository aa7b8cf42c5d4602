"""Form one group of all samples."""

from __future__ import annotations

from dj_assets.operators.base import Grouper
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql


@register("naive_grouper")
class NaiveGrouper(Grouper):
    """Form one group of all samples that are left."""

    @property
    def grouping(self) -> Sql:
        """Return the query of the only group."""
        return Sql('SELECT sample, 0 AS "group" FROM samples')
