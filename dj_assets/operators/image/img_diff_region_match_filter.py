"""Filter boxes in a pair of images by whether their captions describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_pairs import BLIP_LARGE, crops, texts_of
from dj_assets.operators.kinds.matched_sides import MatchedSidesFilter
from dj_assets.operators.registry import register


@register("img_diff_region_match_filter")
class ImgDiffRegionMatchFilter(MatchedSidesFilter):
    """Keep boxes whose region captions describe the crops of their image, by BLIP.

    The captions are in the fields `region_caption1` and `region_caption2`. Crops are `grow` pixels larger than the box
    on each side. In Data-Juicer this threshold has no effect, because its captions have no image token; here it has.
    The preset `paper` takes the cosine of the large model, above 0.35, with crops grown by 5 pixels.
    """

    stem: ClassVar[str] = "region"
    paper: ClassVar[Mapping[str, object]] = {
        "hf_blip": BLIP_LARGE,
        "min_score": 0.35,
        "score": "itc",
        "grow": 5,
        "min_closed_interval": False,
    }

    grow: int = Field(default=0, ge=0)

    def asked(self, batch: Batch, side: int) -> Sequence[tuple[Uint8s | None, Sequence[str]]]:
        """Return the crop of a side with its caption."""
        captions = texts_of(batch, f"region_caption{side}")
        cuts = (pair[side - 1] for pair in crops(batch, self.grow))
        return [(crop, [caption] if caption else []) for crop, caption in zip(cuts, captions, strict=True)]
