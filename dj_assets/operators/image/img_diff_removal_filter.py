"""Filter removed objects by whether they were there before, and are gone after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import All, Condition, Range
from dj_assets.operators.kinds.image_pairs import BLIP_LARGE, SIDES, crops, match_scores, texts_of
from dj_assets.operators.kinds.removals import OBJECT, RemovalOperator
from dj_assets.operators.registry import register

_BEFORE, _AFTER = "removal_itc_before", "removal_itc_after"


@register("img_diff_removal_filter")
class ImgDiffRemovalFilter(RemovalOperator, Filter):
    """Keep boxes whose object matches the image before it was painted over, and does not match the new one, by BLIP.

    The statistics are the cosines of `removed_object` and the crop of the box in either image: at least `min_before`
    in the first one, and at most `max_after` in the second one. A box without a description has a cosine of 0.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"min_before", "max_after"}
    packages: ClassVar[Mapping[str, str]] = {**RemovalOperator.packages, "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic(_BEFORE, pa.float64(), "cosine"),
        Statistic(_AFTER, pa.float64(), "cosine"),
    )

    hf_blip: str = BLIP_LARGE
    min_before: float = 0.35
    max_after: float = 0.2

    @property
    def costly(self) -> bool:
        """Return true: a model is asked."""
        return True

    def models(self) -> tuple[str, ...]:
        """Return the name of the BLIP model."""
        return (self.hf_blip,)

    @property
    def condition(self) -> Condition:
        """Return the bounds of both cosines."""
        before = Range(_BEFORE, self.min_before, None, "min_before")
        return All((before, Range(_AFTER, None, self.max_after, high_name="max_after")))

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return both cosines of every box."""
        found: list[list[float | None]] = [[], []]
        if len(batch):
            path = batch.models.find(self.hf_blip).path
            texts = [[text] if text else [] for text in texts_of(batch, OBJECT)]
            for side in SIDES:
                asked = [(pair[side - 1], words) for pair, words in zip(crops(batch), texts, strict=True)]
                found[side - 1] = [cosine for _, cosine in match_scores(path, asked)]
        return {name: pa.array(values, pa.float64()) for name, values in zip((_BEFORE, _AFTER), found, strict=True)}
