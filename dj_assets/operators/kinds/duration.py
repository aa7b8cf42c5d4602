"""Define the base class of filters by the duration of media."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

from dj_assets.operators.kinds.media_filter import ListRangeFilter, OneFeatureFilter


class DurationFilter(OneFeatureFilter, ListRangeFilter):
    """Keep samples whose media, any or all, have a duration in seconds between two bounds."""

    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}
    bounds: ClassVar[tuple[str, str]] = ("min_duration", "max_duration")

    min_duration: float = 0
    max_duration: float = sys.maxsize
