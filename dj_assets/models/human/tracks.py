"""Link the face boxes of a clip to tracks: the boxes of one person, frame by frame.

All functions work on boxes alone, as `x1, y1, x2, y2` in pixels, and know no model. The thresholds are those of
Data-Juicer's `video_human_tracks_extraction_mapper`, which are counted in frames of the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
# A face continues a track if it overlaps its last face by more than this.
_OVERLAP = 0.55
# The largest distance in frames between two faces of a track.
_GAP = 8
# A track has more faces than this, and their mean longer side is longer than this, in pixels.
_FACES, _SIDE = 10, 1.0


@dataclass(frozen=True)
class Track:
    """Hold one person of a clip over a range of frames without gaps.

    Attributes
    ----------
    start
        The number of the first frame.
    faces
        The face in every frame, shape `(frames, 4)`.
    interpolated
        Whether the face of a frame is computed from two faces before and after it, shape `(frames,)`.
    persons
        The person in every frame, shape `(frames, 4)`; NaN where none was found.
    """

    start: int
    faces: Boxes
    interpolated: npt.NDArray[np.bool_]
    persons: Boxes

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def last(self) -> int:
        """Return the number of the last frame."""
        return self.start + len(self) - 1

    @property
    def frames(self) -> npt.NDArray[np.int64]:
        """Return the numbers of all frames."""
        return np.arange(self.start, self.start + len(self))


def overlap(box: Boxes, others: Boxes) -> Boxes:
    """Return the intersection over union of a box with others.

    Parameters
    ----------
    box
        One box, shape `(4,)`.
    others
        Boxes, shape `(n, 4)`.

    Returns
    -------
    Boxes
        Numbers from 0 to 1, shape `(n,)`.

    Examples
    --------
    >>> overlap(np.array([0.0, 0, 2, 2]), np.array([[0.0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [1.0, 0.333, 0.0]
    """
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - common
    return np.asarray(np.divide(common, union, out=np.zeros(len(others)), where=union > 0))


def linked(found: Sequence[Boxes]) -> list[Track]:
    """Return the tracks of faces, without persons, in the order of their first faces.

    One pass after another takes the faces of one track, until no face is left. A track starts at the first free face.
    It takes the face of each frame that overlaps its last face most, and ends when eight frames have none.

    Parameters
    ----------
    found
        The faces of every frame of a clip, each of shape `(faces, 4)`.
    """
    free = [np.ones(len(faces), bool) for faces in found]
    tracks: list[Track] = []
    first = 0
    while True:
        while first < len(found) and not free[first].any():
            first += 1
        if first == len(found):
            return tracks
        numbers, faces = _one_track(found, free, first)
        if len(faces) > _FACES and np.mean(np.max(faces[:, 2:] - faces[:, :2], axis=1)) > _SIDE:
            tracks.append(_without_gaps(numbers, faces))


def _one_track(found: Sequence[Boxes], free: list[npt.NDArray[np.bool_]], first: int) -> tuple[list[int], Boxes]:
    """Take the faces of the track that starts at the first free face of a frame; return their frames and boxes."""
    chosen = int(np.argmax(free[first]))
    free[first][chosen] = False
    numbers, faces = [first], [found[first][chosen]]
    for number in range(first + 1, len(found)):
        if number - numbers[-1] > _GAP:
            break
        indices = np.flatnonzero(free[number])
        if not len(indices):
            continue
        overlaps = overlap(faces[-1], found[number][indices])
        best = int(np.argmax(overlaps))
        if overlaps[best] > _OVERLAP:
            free[number][indices[best]] = False
            numbers.append(number)
            faces.append(found[number][indices[best]])
    return numbers, np.array(faces, float)


def _without_gaps(numbers: Sequence[int], faces: Boxes) -> Track:
    every = np.arange(numbers[0], numbers[-1] + 1)
    boxes = np.column_stack([np.interp(every, numbers, faces[:, side]) for side in range(4)])
    return Track(numbers[0], boxes, ~np.isin(every, numbers), np.full((len(every), 4), np.nan))
