"""Filter samples by a condition over their fields and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import field_validator

from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import OneOf
from dj_assets.operators.kinds.field_condition import parse_condition
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.operators.views.sample_statistics import STATISTICS, statistic_values


@register("general_field_filter")
class GeneralFieldFilter(Filter):
    """Keep samples for which `filter_condition` is true. Without a condition, all samples are kept.

    The condition has the syntax of a Python expression: comparisons, also chained ones, `in`, `not in`, `and`, `or`,
    `not`, signs, constants, lists, tuples and sets. A name is a field of the sample. Dots lead into
    nested fields. `__dj__stats__.<key>` is a statistic that an operator before this one measures. A comparison with a
    missing value is false, and `not in` is true. Nothing is executed: other syntax is an error when the recipe loads.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("general_field_filter_condition", pa.string(), "true or false"),
    )

    filter_condition: str = ""

    @field_validator("filter_condition")
    @classmethod
    def _is_condition(cls, condition: str) -> str:
        parse_condition(condition)
        return condition.strip()

    @property
    def reads_statistics(self) -> tuple[str, ...]:
        """Return the keys of the statistics that the condition names."""
        prefix = f"{STATISTICS}."
        paths = parse_condition(self.filter_condition).paths
        return tuple(path.removeprefix(prefix) for path in paths if path.startswith(prefix))

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return whether the condition is true for every sample."""
        condition = parse_condition(self.filter_condition)
        columns = {path: self._values(batch, path) for path in condition.paths}
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        holds = [condition.holds(row) for row in rows] if columns else [condition.holds({})] * len(batch)
        return {self.statistics[0].key: pa.array(["true" if kept else "false" for kept in holds], pa.string())}

    @property
    def condition(self) -> OneOf:
        """Return the test of the measured truth."""
        return OneOf(self.statistics[0].key, ("true",))

    def _values(self, batch: Batch, path: str) -> list[object]:
        if path.startswith(f"{STATISTICS}."):
            return statistic_values(batch, path.removeprefix(f"{STATISTICS}."))
        return batch.text.to_pylist() if path == self.text_name else field_values(batch, path)
