"""Tracks of people in scripted sequences of boxes: crossings, occlusions, exits and returns."""

from __future__ import annotations

import numpy as np
import pytest

from dj_assets.models.human.people import merged, people_of
from dj_assets.models.human.person_boxes import estimated
from dj_assets.models.human.persons import filled, smoothed, with_persons, without_outliers
from dj_assets.models.human.tracks import Track, linked

SIZE = 40.0


def face(x: float, y: float = 50.0, size: float = SIZE) -> np.ndarray:
    return np.array([x, y, x + size, y + size])


def script(frames: int, *people) -> list[np.ndarray]:
    """Boxes of every frame; each person is a function from the frame to a box, or to None where it is not seen."""
    boxes = ([person(number) for person in people] for number in range(frames))
    return [np.array([box for box in own if box is not None]).reshape(-1, 4) for own in boxes]


def bodies(faces: list[np.ndarray]) -> list[np.ndarray]:
    return [estimated(boxes, 2000, 1000) for boxes in faces]


def alike(_first: Track, _second: Track) -> float:
    return 0.0


def test_two_people_cross_at_different_heights_and_keep_their_tracks():
    faces = script(60, lambda n: face(5 * n), lambda n: face(295 - 5 * n, 80))
    tracks, count = people_of(faces, bodies(faces), alike)
    assert (len(tracks), count) == (2, 2)
    right, left = sorted(tracks, key=lambda track: track.faces[0, 0])
    assert np.allclose(right.faces[:, 0], 5 * np.arange(60))
    assert np.allclose(left.faces[:, 0], 295 - 5 * np.arange(60))


def test_six_people_are_counted_and_the_five_longest_are_kept():
    faces = script(
        60, *(lambda n, i=i: face(100 * i + n, 50 + 2 * i) if n < 59 - 5 * i or i == 0 else None for i in range(6))
    )
    tracks, count = people_of(faces, bodies(faces), alike)
    assert count == 6
    assert [len(track) for track in sorted(tracks, key=len)] == [39, 44, 49, 54, 60]


@pytest.mark.parametrize(("hidden", "tracks"), [(7, 1), (8, 2)])
def test_an_occlusion_ends_a_track_when_the_last_face_is_more_than_eight_frames_away(hidden, tracks):
    found = linked(script(60, lambda n: None if 20 <= n < 20 + hidden else face(100 + n / 10)))
    assert len(found) == tracks
    if tracks == 1:
        assert found[0].interpolated.sum() == hidden
        assert np.allclose(found[0].faces[:, 0], 100 + np.arange(60) / 10)


def test_ten_faces_are_no_track_and_eleven_are_one():
    assert [len(linked(script(30, lambda n, last=last: face(5) if n < last else None))) for last in (10, 11)] == [0, 1]


def test_a_person_who_leaves_and_returns_elsewhere_is_not_merged():
    faces = script(90, lambda n: face(100) if n < 30 else None if n < 60 else face(400))
    tracks, count = people_of(faces, bodies(faces), alike)
    assert (len(tracks), count, tracks[0].last) == (1, 1, 29)


def part(start: int, length: int, x: float) -> Track:
    boxes = np.tile(face(x), (length, 1))
    return Track(start, boxes, np.zeros(length, bool), boxes.copy())


@pytest.mark.parametrize(
    ("apart", "moved", "difference", "joined"),
    [(1, 8, 0.85, True), (2, 8, 0.0, True), (3, 8, 0.0, False), (1, 30, 0.0, False), (1, 8, 0.86, False)],
)
def test_tracks_are_merged_by_distance_in_time_overlap_and_face(apart, moved, difference, joined):
    first, second = part(0, 20, 100), part(19 + apart, 20, 100 + moved)
    (track,), count = merged([first, second], lambda *_: difference)
    assert count == 1
    assert len(track) == (39 + apart if joined else 20)
    assert track.interpolated.sum() == (apart - 1 if joined else 0)


def test_of_two_continuations_the_one_with_the_larger_overlap_is_taken():
    tracks, count = merged([part(0, 20, 100), part(0, 20, 500), part(20, 20, 110), part(20, 20, 102)], alike)
    assert count == 2
    assert [len(track) for track in tracks] == [40, 20]
    assert tracks[0].faces[25, 0] == 102


def test_a_track_of_fifteen_frames_is_dropped_but_counted():
    assert merged([part(0, 15, 0)], alike) == ([], 1)


def test_a_face_gets_the_smallest_person_around_it_and_a_track_without_persons_none():
    (track,) = linked(script(20, lambda n: face(100)))
    near, far = np.array([90.0, 40, 160, 300]), np.array([0.0, 0, 900, 900])
    seen = with_persons(track, [np.array([far, near])] * 20)
    assert seen is not None
    assert np.allclose(seen.persons, near)
    assert with_persons(track, [np.array([[300.0, 40, 400, 300]])] * 20) is None


def test_missing_persons_are_filled_outliers_replaced_and_jitter_smoothed():
    boxes = np.tile([0.0, 0, 10, 20], (40, 1))
    boxes[7] = np.nan
    assert np.allclose(filled(boxes)[7], [0, 0, 10, 20])
    wild = filled(boxes)
    wild[20] += 500
    assert np.flatnonzero(np.isnan(without_outliers(wild)[:, 0])).tolist() == [20]
    jumping = filled(boxes)
    jumping[30:32] += 5
    assert np.allclose(smoothed(jumping), filled(boxes))
