"""Define the base class of operators that cut clips into parts, in new samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.media.tokens import SpecialTokens
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import SOURCE_FILE, TEXT, Batch
from dj_assets.operators.kinds.media_maker import MediaMaker
from dj_assets.operators.views.media_batch import media


class VideoSplitter(MediaMaker, Expander):
    """Cut clips into parts. The sample with the parts, a child, stays next to the original sample, or replaces it.

    In the text of the child, the mark of a clip is repeated for every part of it, and every chunk that is not blank
    ends with the mark for the end of a chunk. With `legacy_split_by_text_token`, the default, only clips with a mark in
    the text are cut, in the order of the marks, and the child lists no others; without it, all are. A sample without
    clips has no child. The field `__dj__source_file__` of the child names the clip of each part.
    """

    media: ClassVar[Literal["videos"]] = "videos"
    packages: ClassVar[Mapping[str, str]] = {"av": "vision"}

    keep_original_sample: bool = True
    save_dir: str | None = None
    video_backend: Literal["ffmpeg", "av"] = "ffmpeg"
    ffmpeg_extra_args: str = ""
    output_format: Literal["path"] = "path"
    legacy_split_by_text_token: bool = True

    @property
    def keeps_parents(self) -> bool:
        """Return whether the original sample stays."""
        return self.keep_original_sample

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the child of every sample that lists clips."""
        seen = media(batch)
        keys = seen.media_access.keys
        names = self.written_to(keys).videos
        kind = pa.struct([(TEXT, pa.string()), (names, pa.list_(pa.string())), (SOURCE_FILE, pa.list_(pa.string()))])
        samples = zip(batch.text.to_pylist(), seen.listed("videos"), seen.made("videos", self.making()), strict=True)
        children = []
        for whole, listed, parts in samples:
            text, cut = self._cut(whole, keys.tokens, parts)
            sources = [file for file, own in zip(listed, cut, strict=False) for _ in own]
            child = {TEXT: text, names: [name for own in cut for name in own], SOURCE_FILE: sources}
            children.append([child] if listed else [])
        return pa.array(children, pa.list_(kind))

    def _cut(self, text: str, tokens: SpecialTokens, parts: Sequence[Sequence[str]]) -> tuple[str, list[Sequence[str]]]:
        """Return the text with a mark for every part, and the parts of the clips that are cut."""
        left = iter(parts)
        cut: list[Sequence[str]] = []
        chunks = []
        for chunk in text.split(tokens.eoc):
            if chunk.strip():
                before, *behind = chunk.split(tokens.video)
                own = [*islice(left, len(behind))]
                cut += own
                # a mark without a clip is left out
                marks = [tokens.video * len(clip) for clip in own] + [""] * (len(behind) - len(own))
                chunks.append(before + "".join(map("".join, zip(marks, behind, strict=True))) + tokens.eoc)
        return "".join(chunks), cut if self.legacy_split_by_text_token else [*parts]
