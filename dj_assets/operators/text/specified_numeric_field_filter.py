"""Filter samples by the number in a field."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar, cast

import pyarrow as pa

from dj_assets.operators.base import RangeFilter, Statistic, StatisticsByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Range
from dj_assets.operators.registry import register
from dj_assets.operators.text.specified_field_filter import NO_FIELD
from dj_assets.operators.views.sample_fields import field_values, number_in


@register("specified_numeric_field_filter")
class SpecifiedNumericFieldFilter(RangeFilter):
    """Keep samples whose field `field_key` is a number between two bounds, or a text that Python reads as one.

    Dots in the key lead into nested fields. A missing value, or one that is not a number, is null and not kept; 0 is a
    number. Without a key, all samples are kept.
    """

    bounds = ("min_value", "max_value")
    statistics: ClassVar[tuple[Statistic, ...]] = cast(
        "tuple[Statistic, ...]",
        StatisticsByParameters(
            lambda operator: (Statistic(operator.field_key or NO_FIELD, pa.float64(), "value of the field"),)
        ),
    )

    field_key: str = ""
    min_value: float = -sys.maxsize
    max_value: float = sys.maxsize

    @property
    def condition(self) -> Range:
        """Return the range of the field; without a key, a range without bounds."""
        return super().condition if self.field_key else Range(NO_FIELD)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the number in the field of every sample."""
        values = field_values(batch, self.field_key) if self.field_key else [0.0] * len(batch)
        return {self.statistics[0].key: pa.array([number_in(value) for value in values], pa.float64())}
