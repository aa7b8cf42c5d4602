"""Filter samples by the value of a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import pyarrow as pa

from dj_assets.operators.base import Filter, Statistic, StatisticsByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import AllAmong, as_text
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

NO_FIELD = "field"


@register("specified_field_filter")
class SpecifiedFieldFilter(Filter):
    """Keep samples whose field `field_key` has one of the values `target_value`. Of a list, every element must.

    Dots in the key lead into nested fields. Values that are not strings, and strings that are valid JSON, are stored as
    JSON; a missing field is `null`. An empty list is kept; without a key or values, all samples are. `reversed_range`
    keeps the others.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"target_value"}
    statistics: ClassVar[tuple[Statistic, ...]] = cast(
        "tuple[Statistic, ...]",
        StatisticsByParameters(
            lambda operator: (Statistic(operator.field_key or NO_FIELD, pa.string(), "value of the field"),)
        ),
    )

    field_key: str = ""
    target_value: tuple[Any, ...] = ()

    @property
    def condition(self) -> AllAmong:
        """Return the condition that the value, or every element, is among the targets, if there are any."""
        targets = self.target_value if self.field_key else ()
        return AllAmong(self.statistics[0].key, targets, reversed=self.reversed_range)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the value of the field of every sample, as text."""
        values = field_values(batch, self.field_key) if self.field_key else [None] * len(batch)
        return {self.statistics[0].key: pa.array([as_text(value) for value in values], pa.string())}
