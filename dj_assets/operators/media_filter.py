"""Operators that look at images and clips."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

from dj_assets.media.look import Look
from dj_assets.media.tokens import Kind
from dj_assets.operators.base import BoundedFilter, Deduplicator, Filter, Operator
from dj_assets.operators.conditions import EachInRange


class MediaOperator(Operator):
    """An operator that looks at the media of samples of one kind.

    It says beforehand what it has to see, so that a file is opened once for all operators and ahead of them. A sample
    of which a look fails is quarantined by this operator and never gets to it.
    """

    media: ClassVar[Kind]

    @abstractmethod
    def looks(self) -> tuple[Look[Any], ...]:
        """Return everything it must see of each file; it follows from the parameters."""


class MediaFilter(MediaOperator, Filter):
    """A filter whose statistics are lists, a number for each listed path or chunk; an empty one keeps the sample.

    `any_or_all` says how many of the numbers must pass.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"any_or_all"}

    any_or_all: Literal["any", "all"] = "any"


class ListRangeFilter(MediaFilter, BoundedFilter):
    """A media filter with one statistic, whose numbers must lie between two bounds, named in `bounds`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**kwargs)
        cls.judging |= MediaFilter.judging

    @property
    def condition(self) -> EachInRange:
        """Any or all numbers lie in the range; an empty list keeps."""
        return EachInRange(self.range, self.any_or_all, empty=True)


class MediaDeduplicator(MediaOperator, Deduplicator):
    """A deduplicator whose signature comes from the media of a sample."""
