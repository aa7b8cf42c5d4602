"""Merge the tracks of one person, and count the people of a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dj_assets.models.human.persons import with_persons
from dj_assets.models.human.tracks import Boxes, Track, linked, overlap

# Return how different the faces of two tracks are: 0 for the same person; a model computes it, see `identity`.
FaceDistance = Callable[[Track, Track], float]
# Tracks are joined below this distance: an overlap above 0.2, and faces that differ by at most 0.85.
_FAR = 10_000.0
_OVERLAP, _DIFFERENCE = 0.2, 0.85
# The largest number of frames from the end of one track to the start of the next one.
_APART = 2
_ROUNDS = 10
_MOST_TRACKS, _FRAMES = 5, 15


def people_of(faces: Sequence[Boxes], persons: Sequence[Boxes], distance: FaceDistance) -> tuple[list[Track], int]:
    """Return the tracks of a clip, and the number of people in it.

    The number is that of the tracks in the frame that most tracks share, which is a lower bound.

    Parameters
    ----------
    faces, persons
        The boxes of every frame, each of shape `(n, 4)`.
    distance
        The distance of the faces of two tracks.
    """
    found = (with_persons(track, persons) for track in linked(faces))
    return merged([track for track in found if track is not None], distance)


def merged(tracks: Sequence[Track], distance: FaceDistance) -> tuple[list[Track], int]:
    """Return at most five merged tracks of more than 15 frames, and the number of people.

    The tracks of the frame that most tracks share are extended on both sides by tracks that end or begin one or two
    frames away, the nearest first, in at most ten rounds. The other tracks are left out.
    """
    if not tracks:
        return [], 0
    shared = max((track.start for track in tracks), key=lambda frame: sum(_covers(track, frame) for track in tracks))
    people = [track for track in tracks if _covers(track, shared)]
    count = len(people)
    others = [track for track in tracks if not _covers(track, shared)]
    for _ in range(_ROUNDS):
        people, left = _extended(people, others, distance)
        if len(left) == len(others):
            break
        others = left
    longest = sorted(people, key=len, reverse=True)[:_MOST_TRACKS]
    kept = [track for track in longest if len(track) > _FRAMES]
    return sorted(kept, key=lambda track: (track.start, track.faces[0, 0])), count


def _extended(
    people: Sequence[Track], others: Sequence[Track], distance: FaceDistance
) -> tuple[list[Track], list[Track]]:
    """Return people, each extended by at most one track on both sides, and the tracks that are left."""
    extended, left = [], list(others)
    for person in people:
        before = _nearest(person, left, distance, after=False)
        left = [track for track in left if track is not before]
        longer = person if before is None else _joined(before, person)
        behind = _nearest(longer, left, distance, after=True)
        left = [track for track in left if track is not behind]
        extended.append(longer if behind is None else _joined(longer, behind))
    return extended, left


def _covers(track: Track, frame: int) -> bool:
    return track.start <= frame <= track.last


def _nearest(person: Track, others: Sequence[Track], distance: FaceDistance, *, after: bool) -> Track | None:
    """Return the track that continues another one after its end, or before its start; None if none does."""
    near: list[tuple[float, int]] = []
    for index, other in enumerate(others):
        first, second = (person, other) if after else (other, person)
        if 1 <= second.start - first.last <= _APART:
            near.append((_distance(first, second, distance), index))
    if not near or min(near)[0] >= _FAR:
        return None
    return others[min(near)[1]]


def _distance(first: Track, second: Track, distance: FaceDistance) -> float:
    common = float(overlap(first.faces[-1], second.faces[:1])[0])
    apart = float(np.exp(-5 * common)) if common > _OVERLAP else _FAR
    different = distance(first, second)
    return 2 * apart + different + (_FAR if different > _DIFFERENCE else 0)


def _joined(first: Track, second: Track) -> Track:
    """Return two tracks as one; a frame between them has the mean of its neighbours."""
    between = second.start - first.last - 1
    faces = np.repeat((first.faces[-1:] + second.faces[:1]) / 2, between, axis=0)
    persons = np.repeat((first.persons[-1:] + second.persons[:1]) / 2, between, axis=0)
    return Track(
        first.start,
        np.concatenate([first.faces, faces, second.faces]),
        np.concatenate([first.interpolated, np.ones(between, bool), second.interpolated]),
        np.concatenate([first.persons, persons, second.persons]),
    )
