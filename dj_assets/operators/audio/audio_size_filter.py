"""Filter samples by the size of their audio files."""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.headers import SoundBytes
from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.file_size import FileSizeFilter
from dj_assets.operators.registry import register


@register("audio_size_filter")
class AudioSizeFilter(FileSizeFilter):
    """Keep samples whose audio files, any or all, have a size between two bounds, such as `"124KB"`.

    A kilobyte is 1,024 bytes. The statistic is the number of bytes of each listed file. No file is opened, so damaged
    and empty files have a size, too.
    """

    media: ClassVar[Literal["audios"]] = "audios"
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("audio_sizes", pa.list_(pa.int64()), "bytes of each audio file"),
    )

    def features(self) -> tuple[SoundBytes]:
        """Return the file size feature."""
        return (SoundBytes(),)
