"""Filter samples by the duration of their sounds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import SoundDuration
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("audio_duration_filter")
class AudioDurationFilter(ListRangeFilter):
    """Keep samples whose sounds, any or all, have a duration between two bounds.

    The statistic is the duration in seconds of each listed sound. The whole sound is decoded, because headers of
    compressed files may be wrong. A sound may also be that of a clip.
    """

    media: ClassVar[Literal["audios"]] = "audios"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}
    bounds: ClassVar[tuple[str, str]] = ("min_duration", "max_duration")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("audio_duration", pa.list_(pa.float64()), "seconds of each sound"),
    )

    min_duration: float = 0
    max_duration: float = sys.maxsize

    def features(self) -> tuple[SoundDuration]:
        """Return the duration feature."""
        return (SoundDuration(),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the durations of every sample."""
        return {"audio_duration": pa.array(media(batch).values("audios", SoundDuration()), pa.list_(pa.float64()))}
