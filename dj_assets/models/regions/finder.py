"""Define regions of pictures, the protocol of finders, and the finder that needs no model."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np

from dj_assets.models.regions.run_lengths import Mask
from dj_assets.models.text.pictures import Uint8s

# The mean difference of the channels of a pixel, of 255, from which on it counts as changed.
_CHANGED = 24
# Smaller components of changed pixels are noise, as a share of the picture.
_SMALLEST = 1 / 400


@dataclass(frozen=True)
class Region:
    """Hold a box in pixels, its corners as left, top, right and bottom, and the score that its finder gives it.

    `mask` has the pixels of the region in the whole picture, None if they are all those of the box.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float = 1.0
    mask: Mask | None = field(default=None, compare=False, repr=False)

    @property
    def centred(self) -> tuple[float, float, float, float]:
        """Return centre x, centre y, width and height, as Data-Juicer lists boxes."""
        width, height = self.right - self.left, self.bottom - self.top
        return (self.left + width / 2, self.top + height / 2, width, height)


class RegionFinder(Protocol):
    """Find regions in the pictures of a pair, which have the same size."""

    def find(self, first: Uint8s, second: Uint8s) -> tuple[list[Region], list[Region]]:
        """Return the regions of the first and of the second picture, in the order of the finder."""


@dataclass(frozen=True)
class GridRegions:
    """Return the cells of a grid as regions of the first picture, and what changed as regions of the second one.

    A region of the second picture is a connected component of the pixels that differ; its score is the share of its box
    that differs. No model is needed, and the same pictures give the same regions everywhere.

    Examples
    --------
    >>> plain = np.zeros((40, 40, 3), np.uint8)
    >>> changed = plain.copy()
    >>> changed[10:20, 20:40] = 255
    >>> cells, components = GridRegions(2).find(plain, changed)
    >>> len(cells), components
    (4, [Region(left=20.0, top=10.0, right=40.0, bottom=20.0, score=1.0)])
    """

    cells: int = 4

    def find(self, first: Uint8s, second: Uint8s) -> tuple[list[Region], list[Region]]:
        """Return the cells, row by row, and the components, the largest first."""
        height, width = first.shape[:2]
        rows, columns = (np.linspace(0, side, self.cells + 1).round() for side in (height, width))
        cells = [
            Region(float(left), float(top), float(right), float(bottom))
            for top, bottom in pairwise(rows)
            for left, right in pairwise(columns)
        ]
        return cells, _components(np.abs(first.astype(np.int16) - second).mean(-1) >= _CHANGED)


def _components(changed: np.ndarray) -> list[Region]:
    from scipy import ndimage

    labels, _ = ndimage.label(changed)
    found = []
    for number, (down, across) in enumerate(ndimage.find_objects(labels), 1):
        pixels = int((labels[down, across] == number).sum())
        area = (down.stop - down.start) * (across.stop - across.start)
        if pixels >= _SMALLEST * changed.size:
            left, top, right, bottom = map(float, (across.start, down.start, across.stop, down.stop))
            found.append((pixels, Region(left, top, right, bottom, pixels / area, labels == number)))
    found.sort(key=lambda entry: -entry[0])
    return [region for _, region in found]
