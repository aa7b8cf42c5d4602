"""Filter boxes in a pair of images by their size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import All, Condition, Range
from dj_assets.operators.kinds.image_pairs import PairOperator, WithPreset, boxes, corners, pairs
from dj_assets.operators.registry import register


@register("img_diff_box_area_filter")
class ImgDiffBoxAreaFilter(WithPreset, PairOperator, Filter):
    """Keep boxes whose area, as a share of the first image, is between two bounds.

    A box whose corners fall into the same pixel has no pixels and is dropped (`min_pixels`). The preset `paper` drops
    boxes below 1/400 of the image and has no upper bound; `data_juicer` drops those above 1/10.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"preset", "min_area", "max_area", "min_pixels"}
    paper: ClassVar[Mapping[str, object]] = {"min_area": 1 / 400, "max_area": 1.0}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("box_area", pa.float64(), "share of the first image"),
        Statistic("box_pixels", pa.int64(), "whole pixels"),
    )

    min_area: float = 0.0
    max_area: float = 0.1
    min_pixels: int = 1

    @property
    def condition(self) -> Condition:
        """Return the ranges of pixels and area."""
        pixels = Range("box_pixels", self.min_pixels, None, "min_pixels")
        return All((pixels, Range("box_area", self.min_area, self.max_area, "min_area", "max_area")))

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the area of every box, exact and in whole pixels."""
        areas, pixels = [], []
        for (first, _), box in zip(pairs(batch), boxes(batch), strict=True):
            left, top, right, bottom = corners(box, first)
            areas.append(box[2] * box[3] / (first.shape[0] * first.shape[1]))
            pixels.append(max(right - left, 0) * max(bottom - top, 0))
        return {"box_area": pa.array(areas, pa.float64()), "box_pixels": pa.array(pixels, pa.int64())}
