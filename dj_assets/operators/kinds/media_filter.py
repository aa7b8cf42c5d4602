"""Operators that look at images and clips."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import pyarrow as pa

from dj_assets.media.look import Look
from dj_assets.media.tokens import Kind
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import BoundedFilter, Deduplicator, Filter, Operator, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import EachInRange, EachInRanges, Range
from dj_assets.operators.views.media_batch import media


class MediaOperator(Operator):
    """An operator that looks at the media of samples of one kind.

    It says beforehand what it has to see, so that a file is opened once for all operators and ahead of them. A sample
    of which a look fails is quarantined by this operator and never gets to it.
    """

    media: ClassVar[Kind]

    def looks(self) -> tuple[Look[Any], ...]:
        """Return what it must see of each file, as far as that follows from the parameters."""
        return ()

    def looks_for(self, models: ModelStore) -> tuple[Look[Any], ...]:  # noqa: ARG002
        """Return everything it must see of each file: for an operator with a model, what that takes."""
        return self.looks()


class MediaFilter(MediaOperator, Filter):
    """A filter whose statistics are lists, a number for each listed path or chunk; an empty one keeps the sample.

    `any_or_all` says how many of the numbers must pass.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"any_or_all"}

    any_or_all: Literal["any", "all"] = "any"

    @property
    def costly(self) -> bool:
        """It is where a model judges."""
        return bool(self.models())


class EachBoundedFilter(BoundedFilter):
    """A filter with one statistic, a list of numbers that must lie between two bounds, named in `bounds`."""

    any_or_all: Literal["any", "all"] = "any"

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**kwargs)
        cls.judging |= {"any_or_all"}

    @property
    def condition(self) -> EachInRange:
        """Any or all numbers lie in the range; an empty list keeps."""
        return EachInRange(self.range, self.any_or_all, empty=True)


class ListRangeFilter(MediaFilter, EachBoundedFilter):
    """A media filter with one statistic, whose numbers must lie between two bounds."""


class ShapeFilter(MediaFilter):
    """A media filter with the statistics width and height of everything listed, each with two bounds."""

    judging: ClassVar[frozenset[str]] = MediaFilter.judging | {"min_width", "max_width", "min_height", "max_height"}
    statistics: ClassVar[tuple[Statistic, Statistic]]

    min_width: int = 1
    max_width: int = sys.maxsize
    min_height: int = 1
    max_height: int = sys.maxsize

    @property
    def condition(self) -> EachInRanges:
        """Any or all have both their width and their height within bounds; a sample that lists nothing is kept."""
        width, height = self.statistics
        return EachInRanges(
            self._range(width.key, self.min_width, self.max_width, "width"),
            self._range(height.key, self.min_height, self.max_height, "height"),
            self.any_or_all,
        )

    def _range(self, key: str, low: int, high: int, side: str) -> Range:
        return Range(
            key=key,
            low=low,
            high=high,
            low_name=f"min_{side}",
            high_name=f"max_{side}",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )

    def widths_and_heights(self, sizes: Sequence[Sequence[tuple[int, int]]]) -> dict[str, pa.Array]:
        """Return both statistics of samples, given the sizes of what they list."""
        width, height = self.statistics
        return {
            width.key: pa.array([[size[0] for size in sample] for sample in sizes], width.type),
            height.key: pa.array([[size[1] for size in sample] for sample in sizes], height.type),
        }


class MediaDeduplicator(MediaOperator, Deduplicator):
    """Keep the first of samples with the same media, told by a digest of each distinct file in order.

    With `consider_text` their texts, stripped, must be equal too. The signature is the MD5 of the digests; a sample
    that lists nothing has none, unless the text is considered: as in Data-Juicer it then is a duplicate of another one
    without media.
    """

    signature_type: ClassVar[pa.DataType] = pa.binary(16)

    consider_text: bool = False

    def sign(self, batch: Batch) -> pa.Array:
        """Return one signature a sample."""
        (look,) = self.looks()
        seen = media(batch)
        digests = zip(seen.listed(self.media), seen.found(self.media, look), batch.text.to_pylist(), strict=True)
        return pa.array([self._signature(*sample) for sample in digests], self.signature_type)

    def _signature(self, listed: list[str], digests: list[bytes], text: str) -> bytes | None:
        if not listed and not self.consider_text:
            return None
        whole = hashlib.md5(b"".join(dict(zip(listed, digests, strict=True)).values()), usedforsecurity=False)
        if self.consider_text:
            whole.update(hashlib.md5(text.strip().encode(), usedforsecurity=False).digest())
        return whole.digest()
