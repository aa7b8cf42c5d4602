"""Filter samples by grids of lines in their images, as figures with subplots have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.media.grid_lines import GridLines, Lines
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.media_filter import MediaFilter
from dj_assets.operators.list_conditions import EachInSomeRange
from dj_assets.operators.registry import register
from dj_assets.operators.views.media_batch import media

_NUMBERS, _COUNTS = pa.list_(pa.float64()), pa.list_(pa.int64())
# Shares of the side: lines that are nearer or shorter count half.
_NEAR, _SHORT = 0.05, 0.3
# Crossings of lines in a square of 100 pixels that make a full score.
_DENSE = 10.0


@register("image_subplot_filter")
class ImageSubplotFilter(MediaFilter):
    """Drop samples whose images, any or all, have a grid of long lines, as figures with several plots have it.

    An image has a grid if it has at least `min_horizontal_lines` and `min_vertical_lines`, and a confidence of
    `min_confidence` or more: a mean of the numbers of lines, the evenness of their distances and lengths, and their
    density, from 0 to 1. Edges are found by Canny's detector, lines by the Hough transform; the other parameters are
    theirs, in pixels and degrees. With `reversed_range`, only samples with a grid are kept.
    """

    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "cv2": "vision"}
    judging: ClassVar[frozenset[str]] = MediaFilter.judging | {"min_confidence"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("image_subplot_confidence", _NUMBERS, "confidence of each image, 0 to 1"),
        Statistic("horizontal_peak_count", _COUNTS, "horizontal lines of each image"),
        Statistic("vertical_peak_count", _COUNTS, "vertical lines of each image"),
    )

    min_horizontal_lines: PositiveInt = 3
    min_vertical_lines: PositiveInt = 3
    min_confidence: float = 0.5
    canny_threshold1: float = Field(70, ge=0)
    canny_threshold2: float = Field(190, ge=0)
    hough_threshold: PositiveInt = 110
    min_line_length: float = Field(110, ge=0)
    max_line_gap: float = Field(18, ge=0)
    angle_tolerance: float = Field(4.0, ge=0)

    def features(self) -> tuple[GridLines]:
        """Return the lines."""
        return (
            GridLines(
                self.canny_threshold1,
                self.canny_threshold2,
                self.hough_threshold,
                self.min_line_length,
                self.max_line_gap,
                self.angle_tolerance,
            ),
        )

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return confidence and numbers of lines of every image."""
        (feature,) = self.features()
        samples = media(batch).values("images", feature)
        return {
            "image_subplot_confidence": pa.array(
                [[self.confidence(lines) for lines in sample] for sample in samples], _NUMBERS
            ),
            "horizontal_peak_count": pa.array([[len(each.horizontal) for each in one] for one in samples], _COUNTS),
            "vertical_peak_count": pa.array([[len(each.vertical) for each in one] for one in samples], _COUNTS),
        }

    def confidence(self, lines: Lines) -> float:
        """Return the confidence that lines are those of a grid, from 0 to 1."""
        rows, columns = lines.horizontal, lines.vertical
        if not len(rows) or not len(columns):
            return 0.0
        enough = min(len(rows) / self.min_horizontal_lines, 1) + min(len(columns) / self.min_vertical_lines, 1)
        spacing = _even_spacing(rows[:, 1::2], lines.height) + _even_spacing(columns[:, ::2], lines.width)
        lengths = _even_lengths(rows[:, ::2], lines.width) + _even_lengths(columns[:, 1::2], lines.height)
        density = 0.0
        if len(rows) > 1 and len(columns) > 1:
            density = min(len(rows) * len(columns) / (lines.width * lines.height) * 10_000 / _DENSE, 1)
        return min(0.2 * enough + 0.15 * spacing + 0.2 * density + 0.05 * lengths, 1.0)

    @property
    def condition(self) -> EachInSomeRange:
        """Return the test that all images, or any, have no grid."""
        bounds = (
            ("image_subplot_confidence", "min_confidence", self.min_confidence, self.min_closed_interval),
            ("horizontal_peak_count", "min_horizontal_lines", self.min_horizontal_lines, True),
            ("vertical_peak_count", "min_vertical_lines", self.min_vertical_lines, True),
        )
        if self.reversed_range:
            grids = tuple(Range(key, low=low, low_name=name, low_closed=closed) for key, name, low, closed in bounds)
            return EachInSomeRange(grids, self.any_or_all, every=True)
        others = tuple(
            Range(key, high=low, high_name=f"below {name}", high_closed=not closed) for key, name, low, closed in bounds
        )
        return EachInSomeRange(others, "all" if self.any_or_all == "any" else "any")


def _even_spacing(ends: np.ndarray, side: int) -> float:
    """Return how even the distances of lines are, 0 to 1, given their two coordinates across, shape `(lines, 2)`."""
    if len(ends) < 2:
        return 0.0
    return _evenness(np.diff(np.sort(ends.mean(axis=1))), _NEAR * side)


def _even_lengths(ends: np.ndarray, side: int) -> float:
    """Return how even the lengths of lines are, 0 to 1, given their two coordinates along, shape `(lines, 2)`."""
    if len(ends) < 2:
        return 0.0
    return _evenness(np.abs(ends[:, 1] - ends[:, 0]), _SHORT * side)


def _evenness(values: np.ndarray, least: float) -> float:
    mean = float(values.mean())
    if mean == 0:
        return 0.0
    return max(0.0, 1 - float(values.std()) / mean) * (0.5 if mean < least else 1)
