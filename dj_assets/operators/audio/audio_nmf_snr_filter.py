"""Filter samples by the ratio of signal to noise of their sounds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import PositiveInt

from dj_assets.media.sound_noise import SignalToNoise
from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.media_filter import ListRangeFilter, OneFeatureFilter
from dj_assets.operators.registry import register


@register("audio_nmf_snr_filter")
class AudioNmfSnrFilter(OneFeatureFilter, ListRangeFilter):
    """Keep samples whose sounds, any or all, have a ratio of signal to noise between two bounds, in dB.

    The spectrogram is split into two parts by non-negative matrix factorization (Lee and Seung 1999) in at most
    `nmf_iter_num` steps. The first part counts as signal, the second as noise, each with phase 0, as in Data-Juicer.
    Which part is the first depends on a start that is always the same, so a ratio says how different in power both are,
    and not always which is noise. Without noise, the ratio is the largest float. Channels are averaged; of a sound, the
    first ten minutes are used.
    """

    media: ClassVar[Literal["audios"]] = "audios"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}
    bounds: ClassVar[tuple[str, str]] = ("min_snr", "max_snr")
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("audio_nmf_snr", pa.list_(pa.float64()), "dB of each sound"),
    )

    min_snr: float = 0
    max_snr: float = sys.maxsize
    nmf_iter_num: PositiveInt = 500

    def features(self) -> tuple[SignalToNoise]:
        """Return the ratio."""
        return (SignalToNoise(self.nmf_iter_num),)
