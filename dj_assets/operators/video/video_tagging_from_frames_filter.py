"""Filter samples by what the frames of their clips show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import EachInRange, Range
from dj_assets.operators.kinds.frame_tags import FrameTagger
from dj_assets.operators.kinds.media_filter import MediaFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("video_tagging_from_frames_filter")
class VideoTaggingFromFramesFilter(FrameTagger, MediaFilter):
    """Keep samples whose clips, any or all, show one of `tags`, or all of them with `contain: all`.

    The tags of a frame are the words of `tag_list` and `tags` whose CLIP similarity to it is at least `min_similarity`,
    as "a photo of …". The statistic is the share of `tags` among the tags of a clip, without regard to case.
    Data-Juicer asks the model RAM, which is no part of transformers, and writes its tags, too: for that, use
    `video_tagging_from_frames_mapper`.
    """

    judging: ClassVar[frozenset[str]] = MediaFilter.judging | {"contain"}
    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_frame_tags_contained", LISTS, "share of the tags that each clip shows"),
    )

    tags_wanted: tuple[str, ...] = ("people",)
    contain: Literal["any", "all"] = "any"
    recipe_names: ClassVar[Mapping[str, str]] = {"tags": "tags_wanted"}

    @property
    def condition(self) -> EachInRange:
        """Return the condition that any or all clips show the tags."""
        # halfway between two shares, so that closed and reversed ranges need no care
        half = 0.5 / max(1, len(self.tags_wanted))
        least = 1 - half if self.contain == "all" else half
        wanted = Range(self.statistics[0].key, least, None, "tags", "tags", reversed=self.reversed_range)
        return EachInRange(wanted, self.any_or_all, empty=True)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of the tags of every clip."""
        wanted = {tag.lower() for tag in self.tags_wanted}
        known = {tag.lower() for tag in self.tag_list}
        more = tuple(tag for tag in self.tags_wanted if tag.lower() not in known)
        tagger = self.model_copy(update={"tag_list": (*self.tag_list, *more)}) if more else self
        found = [[{tag.lower() for tag in clip} & wanted for clip in own] for own in tagger.tags(batch)]
        shares = [[len(tags) / len(wanted) if wanted else 1.0 for tags in own] for own in found]
        return {self.statistics[0].key: pa.array(shares, LISTS)}
