"""Filter by several statistics, each with bounds of its own, as the filter sets of web corpora do."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from dj_assets.operators.base import Filter
from dj_assets.operators.conditions import All, AnyOf, Condition, Range


class Bounds(NamedTuple):
    """Name a statistic and the parameters that bound it; "" where there is none."""

    key: str
    low: str = ""
    high: str = ""


class RangesFilter(Filter):
    """Keep samples whose statistics are all within their bounds; with `reversed_range`, those with any one outside."""

    bounds: ClassVar[tuple[Bounds, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**kwargs)
        named = {name for bound in cls.bounds for name in (bound.low, bound.high) if name}
        cls.judging = Filter.judging | cls.judging | named

    @property
    def condition(self) -> Condition:
        """Return the test of all ranges, in the order of the statistics."""
        ranges = tuple(self._range(bound) for bound in self.bounds)
        return AnyOf(ranges, reason_text="within all bounds") if self.reversed_range else All(ranges)

    def _range(self, bound: Bounds) -> Range:
        return Range(
            bound.key,
            low=getattr(self, bound.low) if bound.low else None,
            high=getattr(self, bound.high) if bound.high else None,
            low_name=bound.low or "min",
            high_name=bound.high or "max",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )
