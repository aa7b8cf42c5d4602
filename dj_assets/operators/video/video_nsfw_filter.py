"""Filter samples by the probability that their clips are not safe for work."""

from __future__ import annotations

from typing import ClassVar, Literal

from dj_assets.operators.base import Statistic
from dj_assets.operators.kinds.classified import NsfwFilter
from dj_assets.operators.kinds.scored_media import ScoredFrames
from dj_assets.operators.registry import register
from dj_assets.operators.views.scores import LISTS


@register("video_nsfw_filter")
class VideoNsfwFilter(NsfwFilter, ScoredFrames):
    """Keep samples whose clips, any or all, have a probability of being unsafe between two bounds.

    The statistic is the probability of the second class of a classifier, one number for each distinct path of a sample;
    `reduce_mode` combines the frames of a clip. A clip without frames has 0.0. `video_backend` is accepted and has no
    effect.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("video_nsfw_score", LISTS, "probability for each clip"),)

    video_backend: Literal["av", "ffmpeg"] = "av"
