"""Make one sample of every clip."""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.operators.base import Expander
from dj_assets.operators.batch import SOURCE_FILE, TEXT, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.sample_fields import field_values

_PATHS = pa.list_(pa.string())


@register("video_per_sample_mapper")
class VideoPerSampleMapper(MediaOperator, Expander):
    """Replace a sample that lists several clips by one sample for each, with the same text. None has no child.

    The field `__dj__source_file__`, which names the file that each clip was made of, is divided with the clips.
    """

    media: ClassVar[Literal["videos"]] = "videos"

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return one sample for each clip."""
        seen = media(batch)
        name = seen.media_access.keys.videos
        kind = pa.struct([(TEXT, pa.string()), (name, _PATHS), (SOURCE_FILE, _PATHS)])
        children = []
        samples = zip(batch.text.to_pylist(), seen.listed("videos"), field_values(batch, SOURCE_FILE), strict=True)
        for text, listed, sources in samples:
            known = sources if isinstance(sources, list) and len(sources) == len(listed) else listed
            children.append(
                [{TEXT: text, name: [clip], SOURCE_FILE: [source]} for clip, source in zip(listed, known, strict=True)]
            )
        return pa.array(children, pa.list_(kind))
