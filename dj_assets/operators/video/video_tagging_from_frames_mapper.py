"""Tag clips by what their frames show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.frame_tags import FrameTagger
from dj_assets.operators.registry import register

_LISTS = pa.list_(pa.list_(pa.string()))


@register("video_tagging_from_frames_mapper")
class VideoTaggingFromFramesMapper(FrameTagger, FieldMapper):
    """Write what the frames of every clip show into a list `tag_field_name` of `__dj__meta__`, one list for each clip.

    The tags of a frame are the words of `tag_list` whose CLIP similarity to it is at least `min_similarity`, as "a
    photo of …". The tags of a clip are those of its frames, most frequent first. Data-Juicer asks the model RAM, which
    knows 4,585 tags and is no part of transformers; `tag_list` has about 100 usual ones, and may be given.
    """

    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "safetensors": "vision"}
    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.tag_field_name}": _LISTS}
    )

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the tags of every clip."""
        [name] = self.fields
        return {name: pa.array(self.tags(batch), _LISTS)}
