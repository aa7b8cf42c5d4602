"""Filter boxes in a pair of images by whether they show the objects in which the captions differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_pairs import BLIP_LARGE, crops, words_of
from dj_assets.operators.kinds.matched_sides import MatchedSidesFilter
from dj_assets.operators.registry import register


@register("img_diff_object_filter")
class ImgDiffObjectFilter(MatchedSidesFilter):
    """Keep boxes whose crops show some changed object of their caption, by BLIP.

    The objects are in the fields `objects1` and `objects2`; the score of a side is the largest one over its objects,
    and 0 without any. `object_rule: and` needs both sides, `or` one of them. The preset `paper` takes the cosine of the
    large model, above 0.35 on one side.
    """

    stem: ClassVar[str] = "box"
    paper: ClassVar[Mapping[str, object]] = {
        "hf_blip": BLIP_LARGE,
        "min_score": 0.35,
        "score": "itc",
        "object_rule": "or",
        "min_closed_interval": False,
    }

    def asked(self, batch: Batch, side: int) -> Sequence[tuple[Uint8s | None, Sequence[str]]]:
        """Return the crop of a side with its objects."""
        cuts = [pair[side - 1] for pair in crops(batch)]
        return list(zip(cuts, words_of(batch, f"objects{side}"), strict=True))
