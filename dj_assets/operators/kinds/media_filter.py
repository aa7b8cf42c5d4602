"""Define the base classes of operators over images and clips."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, cast

import pyarrow as pa
from pydantic import Field

from dj_assets.media.feature import MediaFeature
from dj_assets.media.media_keys import FIELD_KEYS, MediaKeys
from dj_assets.media.tokens import Kind
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import BoundedFilter, Deduplicator, Filter, Limit, Operator, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import EachInRange, EachInRanges, Range
from dj_assets.operators.deprecated import renamed
from dj_assets.operators.views.media_batch import media

# The name of a field of samples; without one, the parameter is no part of an operator's identity.
OwnKey = Annotated[str | None, Field(min_length=1, exclude_if=lambda name: name is None)]


class MediaOperator(Operator):
    """Compute media features of samples, of one kind of media.

    The operator declares its features in advance, so that a file is opened once for all operators, before they run. If
    a feature fails for a sample, this operator quarantines the sample and never gets it.

    `image_key`, `image_bytes_key`, `video_key` and `audio_key` name the fields that list its media, by default those of
    the recipe.
    """

    reaches_out: ClassVar[bool] = True
    media: ClassVar[Kind]

    image_key: OwnKey = None
    image_bytes_key: OwnKey = None
    video_key: OwnKey = None
    audio_key: OwnKey = None

    def keys(self, of_recipe: MediaKeys) -> MediaKeys:
        """Return the fields that list the media of this operator, given those of the recipe."""
        own = {name: getattr(self, key) for key, name in FIELD_KEYS[self.media].items() if getattr(self, key)}
        return replace(of_recipe, **own) if own else of_recipe

    def read_from(self, batch: Batch) -> Batch:
        """Return a batch that gives the media under the fields of this operator."""
        access = batch.media_access
        if access is None or (keys := self.keys(access.keys)) == access.keys:
            return batch
        return batch.with_media(replace(access, keys=keys))

    def features(self) -> tuple[MediaFeature[object], ...]:
        """Return the features that the operator needs of each file, as far as its parameters determine them."""
        return self._by_old_name("looks")

    def features_for(self, models: ModelStore) -> tuple[MediaFeature[object], ...]:
        """Return all features that the operator needs of each file, including the input of its model."""
        return self._by_old_name("looks_for", models) or self.features()

    def _by_old_name(self, name: str, *arguments: object) -> tuple[MediaFeature[object], ...]:
        """Return the features that a custom operator of an earlier version declares under the old name."""
        method = getattr(self, name, None)
        if method is None:
            return ()
        renamed(f"the method {name!r} of operators over media", repr(name.replace("looks", "features")))
        return tuple(method(*arguments))


class MediaFilter(MediaOperator, Filter):
    """Filter by lists of numbers, one for each listed path or chunk. An empty list keeps the sample.

    `any_or_all` sets how many of the numbers must pass.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"any_or_all"}

    any_or_all: Literal["any", "all"] = "any"

    @property
    def costly(self) -> bool:
        """Return true if the filter uses a model."""
        return bool(self.models())


class OneFeatureFilter(MediaFilter):
    """Filter by one statistic: the only feature, for each listed file."""

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the feature of every file of every sample."""
        (feature,) = self.features()
        (statistic,) = self.statistics
        return {statistic.key: pa.array(media(batch).values(self.media, feature), statistic.type)}


class EachBoundedFilter(BoundedFilter):
    """Filter by one statistic, a list of numbers between two bounds, which `bounds` names."""

    any_or_all: Literal["any", "all"] = "any"

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.judging |= {"any_or_all"}

    @property
    def condition(self) -> EachInRange:
        """Return the condition that any or all numbers are in the range; an empty list passes."""
        return EachInRange(self.range, self.any_or_all, empty=True)


class ListRangeFilter(MediaFilter, EachBoundedFilter):
    """Filter media by one statistic, a list of numbers between two bounds."""


class ShapeFilter(MediaFilter):
    """Filter media by the width and height of every listed file, each with two bounds."""

    judging: ClassVar[frozenset[str]] = MediaFilter.judging | {"min_width", "max_width", "min_height", "max_height"}
    statistics: ClassVar[tuple[Statistic, Statistic]]

    min_width: Limit = 1
    max_width: Limit = sys.maxsize
    min_height: Limit = 1
    max_height: Limit = sys.maxsize

    @property
    def condition(self) -> EachInRanges:
        """Return the condition that any or all files have both width and height within bounds.

        A sample that lists no file passes.
        """
        width, height = self.statistics
        return EachInRanges(
            self._range(width.key, self.min_width, self.max_width, "width"),
            self._range(height.key, self.min_height, self.max_height, "height"),
            self.any_or_all,
        )

    def _range(self, key: str, low: float, high: float, side: str) -> Range:
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
        """Return both statistics of samples, given the sizes of their files."""
        width, height = self.statistics
        return {
            width.key: pa.array([[size[0] for size in sample] for sample in sizes], width.type),
            height.key: pa.array([[size[1] for size in sample] for sample in sizes], height.type),
        }


class MediaDeduplicator(MediaOperator, Deduplicator):
    """Keep the first of samples with the same media, compared by a digest of each distinct file in order.

    With `consider_text` their texts, stripped, must be equal, too. The signature is the MD5 of the digests. A sample
    without media has no signature, unless the text is considered: then, as in Data-Juicer, samples without media are
    duplicates by their text.
    """

    signature_type: ClassVar[pa.DataType] = pa.binary(16)

    consider_text: bool = False

    def sign(self, batch: Batch) -> pa.Array:
        """Return one signature for each sample."""
        (feature,) = cast("tuple[MediaFeature[bytes]]", self.features())
        seen = media(batch)
        digests = zip(seen.listed(self.media), seen.values(self.media, feature), batch.text.to_pylist(), strict=True)
        return pa.array([self._signature(*sample) for sample in digests], self.signature_type)

    def _signature(self, listed: list[str], digests: list[bytes], text: str) -> bytes | None:
        if not listed and not self.consider_text:
            return None
        whole = hashlib.md5(b"".join(dict(zip(listed, digests, strict=True)).values()), usedforsecurity=False)
        if self.consider_text:
            whole.update(hashlib.md5(text.strip().encode(), usedforsecurity=False).digest())
        return whole.digest()
