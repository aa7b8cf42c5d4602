"""Cut clips into their scenes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from dj_assets.media.scenes import Detector, PartsByScenes
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_maker import MediaRewriter
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media


@register("video_split_by_scene_mapper")
class VideoSplitBySceneMapper(MediaRewriter):
    """Cut every clip into its scenes, and list these in its place; a clip of one scene stays.

    PySceneDetect finds the scenes by `detector` and `threshold`; a scene has at least `min_scene_len` frames. In the
    text, the mark of a clip is repeated for every scene of it. New clips are H.264 in MP4 files, in the folder `media`
    of the output; `save_field` names the field that lists them, by default that of the clips. `save_dir`,
    `show_progress`, `ffmpeg_extra_args` and `output_format` are accepted and have no effect.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "scenedetect": "vision"}

    detector: Detector = "ContentDetector"
    threshold: float = Field(default=27.0, ge=0)
    min_scene_len: int = Field(default=15, ge=0)
    show_progress: bool = False
    save_dir: str | None = None
    ffmpeg_extra_args: str = "-movflags frag_keyframe+empty_moov"
    output_format: Literal["path"] = "path"

    def making(self) -> PartsByScenes:
        """Return the cutting."""
        return PartsByScenes(self.detector, self.threshold, self.min_scene_len)

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with a mark for every scene in its texts."""
        seen = media(batch)
        mark = seen.media_access.keys.tokens.video
        texts = []
        for text, made in zip(batch.text.to_pylist(), seen.made("videos", self.making()), strict=True):
            before, *behind = text.split(mark)
            scenes = [len(own) or 1 for own in made]
            # marks without a clip stay as they are
            marks = [mark * number for number in (*scenes, *[1] * len(behind))]
            texts.append(before + "".join(a + b for a, b in zip(marks, behind, strict=False)))
        return batch.with_text(pa.array(texts, pa.string()))
