"""Filter samples by the duration of their sounds."""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import SoundDuration
from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.duration import DurationFilter
from dj_assets.operators.registry import register


@register("audio_duration_filter")
class AudioDurationFilter(DurationFilter):
    """Keep samples whose sounds, any or all, have a duration between two bounds.

    The statistic is the duration in seconds of each listed sound. The whole sound is decoded, because headers of
    compressed files may be wrong. A sound may also be that of a clip.
    """

    media: ClassVar[Literal["audios"]] = "audios"
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("audio_duration", pa.list_(pa.float64()), "seconds of each sound"),
    )

    def features(self) -> tuple[SoundDuration]:
        """Return the duration feature."""
        return (SoundDuration(),)
