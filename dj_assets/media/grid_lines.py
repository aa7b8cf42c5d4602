"""Long horizontal and vertical lines of an image, as the frames of subplots have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dj_assets.media.feature import ImageFeature
from dj_assets.media.image import OpenImage

_NO_LINES = np.empty((0, 4), np.int32)


class Lines(NamedTuple):
    """Hold the size of an image in pixels and its lines: `x1, y1, x2, y2` of each, `int32`, shape `(lines, 4)`."""

    width: int
    height: int
    horizontal: np.ndarray
    vertical: np.ndarray


@dataclass(frozen=True)
class GridLines(ImageFeature[Lines]):
    """Find lines in an image by Canny's edges (1986) and the progressive Hough transform (Matas et al. 2000).

    Attributes
    ----------
    low, high
        Thresholds of the edges.
    votes, least_length, largest_gap
        Points that a line needs, its least length, and the largest gap inside of it, in pixels.
    tolerance
        Largest angle from the horizontal or the vertical, in degrees.
    """

    low: float = 70
    high: float = 190
    votes: int = 110
    least_length: float = 110
    largest_gap: float = 18
    tolerance: float = 4.0

    def __call__(self, image: OpenImage) -> Lines:
        """Return the lines. The search draws at random from a fixed state: an image always has the same lines."""
        import cv2

        grey = cv2.cvtColor(image.rgb, cv2.COLOR_RGB2GRAY)
        edges = cv2.Canny(cv2.GaussianBlur(grey, (5, 5), 0), self.low, self.high)
        found = cv2.HoughLinesP(
            edges, 1, np.pi / 180, self.votes, minLineLength=self.least_length, maxLineGap=self.largest_gap
        )
        lines = _NO_LINES if found is None else np.asarray(found, np.int32).reshape(-1, 4)
        across, down = (lines[:, 2] - lines[:, 0]).astype(float), (lines[:, 3] - lines[:, 1]).astype(float)
        angles = np.abs(np.degrees(np.where(across == 0, np.pi / 2, np.arctan2(down, across))))
        horizontal = np.minimum(angles, np.abs(angles - 180)) <= self.tolerance
        vertical = ~horizontal & (np.abs(angles - 90) <= self.tolerance)
        height, width = grey.shape
        return Lines(width, height, lines[horizontal], lines[vertical])
