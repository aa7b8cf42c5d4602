"""Decide who of the people in a clip speaks, given the scores of their frames and what is known of voice and look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Score the frames of a piece: sound features `(100 a second, 13)` and faces `(frames, 112, 112)`, to `(frames,)`.
Scorer = Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]
# The score of every frame of a clip without sound, and of one without speech.
NO_SOUND, NO_SPEECH = -5.0, -10_000.0
# Lengths of the pieces in seconds; the score of a frame is the mean of its scores in all of them.
_SECONDS = (1, 2, 3, 4, 5, 6)
# Sound features a second.
_RATE = 100
_ADULT_AGE = 12
_CHILD_VOICE = 0.1
_SURE = 0.85


def frame_scores(scorer: Scorer, sound: npt.NDArray[Any], faces: npt.NDArray[Any], fps: float) -> Floats:
    """Return the score of every frame: positive if the person speaks.

    Sound and faces are cut into pieces of 1 to 6 seconds at the real frame rate, and the frames that both cover are
    scored.

    Parameters
    ----------
    scorer
        The model.
    sound
        Sound features, 100 a second, shape `(n, 13)`.
    faces
        Grey faces, shape `(frames, 112, 112)`.
    fps
        Frames a second.
    """
    seconds = min(len(sound) / _RATE, len(faces) / fps)
    frames = round(seconds * fps)
    scores = np.zeros((len(_SECONDS), frames))
    for row, length in enumerate(_SECONDS):
        for number in range(int(np.ceil(seconds / length))):
            start, end = round(number * length * fps), min(frames, round((number + 1) * length * fps))
            heard = sound[number * length * _RATE : min(round(seconds * _RATE), (number + 1) * length * _RATE)]
            if start < end:
                scores[row, start:end] = scorer(heard, faces[start:end])
    return np.asarray(np.round(scores.mean(axis=0), 1))


def longest_run(scores: Sequence[float] | Floats) -> int:
    """Return the length of the longest run of positive scores.

    Examples
    --------
    >>> longest_run([1, 1, -1, 2, 0.1, 3, 0])
    3
    """
    return max((end - start for start, end in runs(scores)), default=0)


def runs(scores: Sequence[float] | Floats) -> list[tuple[int, int]]:
    """Return the first index of every run of positive scores, and the one after its last.

    Examples
    --------
    >>> runs([1, 1, -1, 2])
    [(0, 2), (3, 4)]
    """
    positive = np.concatenate([[False], np.asarray(scores) > 0, [False]])
    edges = np.flatnonzero(positive[1:] != positive[:-1]).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True)
class Voice:
    """Hold what a model says about the voice of a clip: an age in years, and probabilities."""

    age: float
    female: float
    male: float
    child: float

    @classmethod
    def of(cls, attribute: object) -> Voice | None:
        """Read the attribute of Data-Juicer, `{Age: [n], female: [p], male: [p], child: [p]}`; None if it is empty."""
        if not isinstance(attribute, Mapping):
            return None
        values = [attribute.get(name) for name in ("Age", "female", "male", "child")]
        if not all(isinstance(value, list) and value for value in values):
            return None
        return cls(*(float(value[0]) for value in values if isinstance(value, list)))

    @property
    def is_child(self) -> bool | None:
        """Return whether it is the voice of a child; None if that is not known."""
        if self.child < _CHILD_VOICE:
            return False
        return True if self.age <= _ADULT_AGE else None


def looks_like_child(answer: str) -> bool:
    """Return whether a model's answer to the question for a child is anything but no.

    Examples
    --------
    >>> looks_like_child("Yes, a toddler."), looks_like_child("No."), looks_like_child("There is no child.")
    (True, False, False)
    """
    return "No" not in answer and "no" not in answer


def is_vetoed(voice: Voice | None, child_answer: str | None, gender: tuple[str, float] | None) -> bool:
    """Return whether voice and look contradict each other, so that the person is not the speaker.

    Parameters
    ----------
    voice
        Age and gender of the voice, as far as they are known. If its age is not known, nothing is vetoed.
    child_answer
        The answer to the question whether the person is a little child.
    gender
        The label of the face, `Man` or `Woman`, and the share of the frames that have it.
    """
    if voice is None or voice.is_child is None:
        return False
    if child_answer is not None and voice.is_child != looks_like_child(child_answer):
        return True
    if gender is None or gender[1] <= _SURE:
        return False
    by_voice = {"Woman": voice.male, "Man": voice.female}.get(gender[0], 0.0)
    return by_voice > _SURE
