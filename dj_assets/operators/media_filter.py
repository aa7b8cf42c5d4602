"""The old path of `dj_assets.operators.kinds.media_filter`, for custom operators; deprecated."""

from __future__ import annotations

from dj_assets.operators.deprecated import moved
from dj_assets.operators.kinds.media_filter import (
    EachBoundedFilter,
    ListRangeFilter,
    MediaDeduplicator,
    MediaFilter,
    MediaOperator,
    ShapeFilter,
)

__all__ = ["EachBoundedFilter", "ListRangeFilter", "MediaDeduplicator", "MediaFilter", "MediaOperator", "ShapeFilter"]

moved("dj_assets.operators.media_filter", "dj_assets.operators.kinds.media_filter")
