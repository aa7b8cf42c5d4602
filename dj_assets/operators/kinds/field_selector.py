"""Common part of the selectors that judge the value of a field."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, cast

import pyarrow as pa

from dj_assets.operators.base import Selector, Statistic, StatisticsByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.sql import Sql
from dj_assets.operators.views.sample_fields import field_values, number_in


class FieldSelector(Selector):
    """Select by the value under `field_key`. Without a key, or if there are fewer than two samples, all are selected.

    Dots in the key lead into nested fields. `__dj__stats__.<key>` names the statistic of an operator before this one;
    if no operator measures it, the field of that name.
    """

    value_type: ClassVar[pa.DataType] = pa.float64()
    statistics: ClassVar[tuple[Statistic, ...]] = cast(
        "tuple[Statistic, ...]",
        StatisticsByParameters(
            lambda operator: (
                (Statistic(operator.field_key, operator.value_type, "value of the field"),)
                if operator.field_key
                else ()
            )
        ),
    )

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the value of the field of every sample; null if it is missing or of another type."""
        values = [self.value_of(value) for value in field_values(batch, self.field_key)] if self.field_key else []
        return {statistic.key: pa.array(values, statistic.type) for statistic in self.statistics}

    def value_of(self, value: object) -> object:
        """Return the number in a field: of a list the mean, of a text the number that it contains."""
        if isinstance(value, list):
            numbers = [number for entry in value if (number := number_in(entry)) is not None]
            return sum(numbers) / len(numbers) if numbers else None
        return number_in(value)

    def selection(self, samples: int) -> Sql | None:
        """Return the query of the selected samples; None if there is no key or no bound."""
        return self.query(samples) if self.field_key else None

    @abstractmethod
    def query(self, samples: int) -> Sql | None:
        """Return the query of the selected samples, given their number; None if all are selected."""


def share(ratio: float | None, number: int | None, samples: int) -> int | None:
    """Return the smaller of a share of the samples, rounded down, and a number; None if neither is given.

    Examples
    --------
    >>> share(0.25, None, 10), share(0.25, 1, 10), share(None, 20, 10), share(None, None, 10)
    (2, 1, 20, None)
    """
    given = [limit for limit in (None if ratio is None else int(ratio * samples), number) if limit is not None]
    return min(given, default=None)


def limits(ratio: float | None, number: int | None, things: str) -> str:
    """Return a share and a number in words.

    Examples
    --------
    >>> limits(0.1, 20, "samples"), limits(None, 1, "values")
    ('20 samples or 0.1 of the samples', '1 values')
    """
    counted = [] if number is None else [f"{number} {things}"]
    return " or ".join([*counted, *([] if ratio is None else [f"{ratio:g} of the {things}"])])
