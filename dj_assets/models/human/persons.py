"""Give every face of a track the box of its person, and fill and smooth these boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dj_assets.models.human.tracks import Boxes, Track

# A side of a box is an outlier if it is more than ten standard deviations from the mean of a window of 30 frames.
_WINDOW, _DEVIATIONS = 30, 10
# The smallest standard deviation in pixels: a box that stands still may move by some pixels.
_LEAST_DEVIATION = 1.0
_MEDIAN = 5


def person_of(face: Boxes, persons: Boxes) -> Boxes | None:
    """Return the smallest box that encloses a face; of equally large ones, the nearest in the direction of x.

    Examples
    --------
    >>> persons = np.array([[0.0, 0, 90, 90], [5, 5, 40, 80], [50, 0, 90, 90]])
    >>> person_of(np.array([10.0, 10, 20, 20]), persons).tolist()
    [5.0, 5.0, 40.0, 80.0]
    """
    if not len(persons):
        return None
    encloses = np.all(persons[:, :2] <= face[:2], axis=1) & np.all(persons[:, 2:] >= face[2:], axis=1)
    candidates = persons[encloses]
    if not len(candidates):
        return None
    areas = np.prod(candidates[:, 2:] - candidates[:, :2], axis=1)
    distances = np.abs(candidates[:, [0, 2]].mean(axis=1) - face[[0, 2]].mean())
    chosen: Boxes = candidates[np.lexsort((distances, areas))[0]]
    return chosen


def with_persons(track: Track, found: Sequence[Boxes]) -> Track | None:
    """Return a track with the boxes of its person in all frames, None if no frame has one.

    Parameters
    ----------
    track
        The track.
    found
        The persons of every frame of the clip, each of shape `(persons, 4)`.
    """
    boxes = np.full((len(track), 4), np.nan)
    for index, number in enumerate(track.frames):
        person = person_of(track.faces[index], found[number])
        if person is not None:
            boxes[index] = person
    if np.isnan(boxes).all():
        return None
    return replace(track, persons=smoothed(filled(without_outliers(filled(boxes)))))


def filled(boxes: Boxes) -> Boxes:
    """Return boxes in which a missing one is the mean of the nearest ones before and after it.

    Examples
    --------
    >>> filled(np.array([[1.0] * 4, [np.nan] * 4, [3.0] * 4, [np.nan] * 4]))[:, 0].tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    known = np.flatnonzero(~np.isnan(boxes[:, 0]))
    if not len(known):
        return boxes
    every = np.arange(len(boxes))
    before = known[np.maximum(np.searchsorted(known, every, side="right") - 1, 0)]
    after = known[np.minimum(np.searchsorted(known, every), len(known) - 1)]
    return np.asarray((boxes[before] + boxes[after]) / 2)


def without_outliers(boxes: Boxes) -> Boxes:
    """Return boxes with NaN in place of outliers.

    The box itself is no part of its window: of 30 numbers, none can be ten standard deviations from their mean.
    """
    outlying = np.zeros(len(boxes), bool)
    for index in range(len(boxes)):
        low = max(0, index - _WINDOW // 2)
        others = np.delete(boxes[low : low + _WINDOW], index - low, axis=0)
        if len(others) > 1:
            deviation = np.maximum(others.std(axis=0), _LEAST_DEVIATION)
            outlying[index] = bool(np.any(np.abs(boxes[index] - others.mean(axis=0)) > _DEVIATIONS * deviation))
    return np.where(outlying[:, None], np.nan, boxes)


def smoothed(boxes: Boxes) -> Boxes:
    """Return the median of every side over five frames; the first and the last box are repeated."""
    padded = np.pad(boxes, ((_MEDIAN // 2, _MEDIAN // 2), (0, 0)), mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN, axis=0), axis=-1))
