"""Scores of frames at the real frame rate, and the veto of a voice that contradicts a look."""

from __future__ import annotations

import numpy as np
import pytest

from dj_assets.models.human.mfcc import mfcc
from dj_assets.models.human.speaking import Voice, frame_scores, is_vetoed, longest_run


@pytest.mark.parametrize("fps", [12.5, 25.0, 29.97])
def test_pieces_of_all_lengths_cover_the_frames_at_the_real_rate(fps):
    seen = []

    def scorer(sound, faces):
        seen.append((len(sound), len(faces)))
        return np.full(len(faces), float(faces.mean()))

    frames = round(7 * fps)
    faces = np.broadcast_to(np.arange(frames)[:, None, None] >= frames // 2, (frames, 112, 112)).astype(float)
    scores = frame_scores(scorer, np.zeros((700, 13)), faces, fps)
    assert len(scores) == frames
    assert scores[0] < 0.6 < scores[-1] == 1
    # 7 pieces of one second, 4 of two, 3 of three, and two each of four, five and six
    assert len(seen) == 7 + 4 + 3 + 2 + 2 + 2
    assert all(abs(heard / 100 - shown / fps) < 0.1 for heard, shown in seen)


def test_the_shorter_of_sound_and_picture_decides_the_number_of_scores():
    assert len(frame_scores(lambda _, faces: np.ones(len(faces)), np.zeros((100, 13)), np.zeros((75, 1, 1)), 25)) == 25


def test_the_longest_run_has_positive_scores_only():
    assert longest_run([]) == longest_run([0.0, -1]) == 0
    assert longest_run([1, 0, 1, 1, 1, -5]) == 3


ADULT, CHILD, UNKNOWN = Voice(40, 0.95, 0.04, 0.01), Voice(8, 0.3, 0.2, 0.5), Voice(30, 0.4, 0.4, 0.2)


@pytest.mark.parametrize(
    ("voice", "answer", "gender", "vetoed"),
    [
        (ADULT, "Yes", None, True),
        (ADULT, "No, an adult.", None, False),
        (CHILD, "No", None, True),
        (CHILD, "Yes.", ("Man", 0.9), False),
        (ADULT, "No", ("Man", 0.9), True),
        (ADULT, "No", ("Man", 0.85), False),
        (ADULT, "No", ("Woman", 1.0), False),
        (UNKNOWN, "Yes", ("Man", 1.0), False),
        (None, "Yes", ("Man", 1.0), False),
    ],
)
def test_a_voice_that_contradicts_the_look_is_vetoed(voice, answer, gender, vetoed):
    assert is_vetoed(voice, answer, gender) is vetoed


def test_an_empty_attribute_is_no_voice():
    assert Voice.of([]) is Voice.of({"Age": [], "female": [], "male": [], "child": []}) is None
    assert Voice.of({"Age": [30], "female": [0.5], "male": [0.4], "child": [0.1]}) == Voice(30, 0.5, 0.4, 0.1)


def test_mel_coefficients_have_a_hundred_windows_a_second_and_tell_tones_from_silence():
    times = np.arange(16_000) / 16_000
    tone = (10_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    heard, silent = mfcc(tone), mfcc(np.zeros(16_000, np.int16))
    assert heard.shape == silent.shape == (99, 13)
    assert heard[:, 0].min() > silent[:, 0].max() + 10
