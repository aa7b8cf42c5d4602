"""The statistic columns of a subset: the type and unit of each, and the part of a condition that judges it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.conditions import All, Condition, Range
from dj_assets.operators.sql import Sql, quoted
from dj_assets.recipe.plan import Plan


@dataclass(frozen=True)
class StatColumn:
    """One column of the table `stats`.

    `judged_by` is the part of the filter's condition that reads this column, None where no part does.
    """

    name: str
    operator: str
    statistic: Statistic
    judged_by: Condition | None

    @property
    def is_list(self) -> bool:
        """Return whether a sample has a list of values, one for each of its images or videos."""
        return bool(pa.types.is_list(self.statistic.type) or pa.types.is_large_list(self.statistic.type))

    @cached_property
    def value_type(self) -> pa.DataType:
        """Return the type of a single value."""
        return self.statistic.type.value_type if self.is_list else self.statistic.type

    @property
    def is_numeric(self) -> bool:
        """Return whether values are numbers on an axis; all others are counted by name."""
        return bool(pa.types.is_integer(self.value_type) or pa.types.is_floating(self.value_type))

    @property
    def is_whole(self) -> bool:
        """Return whether values are whole numbers."""
        return bool(pa.types.is_integer(self.value_type))

    @property
    def bounds(self) -> Range | None:
        """Return the range that judges the column, None where no range does."""
        return self.judged_by if isinstance(self.judged_by, Range) else None

    def values(self) -> Sql:
        """Return a query with one row for each value: `value`, `first` of its sample, `fails`, `shard`, `row`.

        `fails` is true where the sample does not satisfy this part of the condition. Samples without the statistic
        (they failed before it was measured) and empty lists give no row.
        """
        column = quoted(self.name)
        value = f"unnest({column})" if self.is_list else column
        first = f"unnest(range(len({column}))) = 0" if self.is_list else "TRUE"
        value += "::DOUBLE" if self.is_numeric else "::VARCHAR"
        return Sql.of(
            "SELECT {value} AS value, {first} AS first, NOT {keep} AS fails, shard, row FROM stats"
            " WHERE {column} IS NOT NULL",
            value=Sql(value),
            first=Sql(first),
            keep=self.judged_by.keep({self.statistic.key: self.name}) if self.judged_by else Sql("TRUE"),
            column=Sql(column),
        )


def stat_columns(plan: Plan) -> tuple[StatColumn, ...]:
    """Return the statistic columns of a plan in recipe order."""
    return tuple(
        StatColumn(step.columns[statistic.key], step.label, statistic, _about(operator.condition, statistic.key))
        for step in plan.filters
        if isinstance(operator := step.operator, Filter)
        for statistic in operator.statistics
    )


def _about(condition: Condition, key: str) -> Condition | None:
    """Return the part of a condition that judges the statistic `key`."""
    if isinstance(condition, All):
        parts = tuple(part for part in condition.parts if _about(part, key) is not None)
        return None if not parts else parts[0] if len(parts) == 1 else All(parts)
    return condition if getattr(condition, "key", None) == key else None
