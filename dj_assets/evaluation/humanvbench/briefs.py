"""Describe the questions of each task of HumanVBench to models, and name the person that a question is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dj_assets.models.human.tracks import Track

WORDS = 12
_ORDER = ("first", "second", "third", "fourth", "fifth")


@dataclass(frozen=True)
class Brief:
    """Hold what is asked for a task.

    Attributes
    ----------
    about
        The subject of a description; `{person}` stands for the person in the red box.
    question
        The question with `{person}`, `{second}` and `{description}`; None if a model writes it.
    marked
        True for a question about one person, whom a red box marks.
    """

    about: str
    question: str | None
    marked: bool = True


# Tasks whose key is heard are absent: the models see frames, and hear nothing.
BRIEFS = {
    "Emotion_Recognition": Brief("the emotion of {person}", "Which emotion does {person} show?"),
    "Emotion_Temporal_Analysis": Brief(
        "how the emotion of {person} changes", "How does the emotion of {person} change during the video?"
    ),
    "Attitude_Recognition": Brief(
        "the attitude of {person} to the subject of the talk", "Which attitude does {person} show while speaking?"
    ),
    "Emotion_Intensity_Compare": Brief(
        "how strong the emotion of each person is",
        "Which of the people shows the strongest emotion? Name the person by place.",
        marked=False,
    ),
    "Text2Human": Brief(
        "the appearance of {person}, without the place",
        "Where in the picture is this person at second {second}? {description}",
    ),
    "Human2Text": Brief("the appearance of {person}", "What does {person} look like?"),
    "Appearance_Time_Detection": Brief(
        "when {person} is seen", "From which to which second of the video is {person} seen?"
    ),
    "Behavior_Temporal_Analysis": Brief(
        "the actions of {person} in their order", "What does {person} do, in the order of time?"
    ),
    "Behavior_Causualty_Analysis": Brief("why {person} does what is seen", None),
    "Action_at_Specified_Time": Brief("the actions of {person}", "What does {person} do at second {second}?"),
    "Time_of_Specific_Action": Brief("one action of {person}, and when it happens", None),
}


@dataclass(frozen=True)
class Person:
    """Hold the person that a question is about: the number of the track, from 1, and how the question names it.

    The name says where the face is, among those of all tracks, at a `second` at which it is seen: a clip needs no mark.
    """

    track: int
    name: str
    second: float


def person_of(tracks: Sequence[tuple[Track, float]], speaks: Sequence[bool] = ()) -> Person:
    """Return the person that a question is about: the only one who speaks, else the one who is seen longest.

    Parameters
    ----------
    tracks
        The tracks of a clip with their frame rates, at least one.
    speaks
        Whether the person of each track speaks.

    Examples
    --------
    >>> boxes = [np.array([[x, 0.0, x + 9, 9.0]] * 11) for x in (50, 10)]
    >>> tracks = [(Track(0, box, np.zeros(11, bool), box), 10.0) for box in boxes]
    >>> person_of(tracks).name, person_of(tracks[:1]).name
    ('the person on the right at second 0.5', 'the person at second 0.5')
    """
    speaking = [index for index, flag in enumerate(speaks[: len(tracks)]) if flag]
    longest = max(range(len(tracks)), key=lambda index: len(tracks[index][0]))
    chosen = speaking[0] if len(speaking) == 1 else longest
    track, fps = tracks[chosen]
    frame = int(track.frames[len(track) // 2])
    across = {
        index: float(np.mean(other.faces[frame - other.start, [0, 2]]))
        for index, (other, _) in enumerate(tracks)
        if other.start <= frame <= other.last
    }
    place = sorted(across, key=lambda index: across[index]).index(chosen)
    second = round(frame / fps, 1)
    return Person(chosen + 1, f"the person{_place(place, len(across))} at second {second:g}", second)


def _place(number: int, of: int) -> str:
    if of == 1:
        return ""
    if of == 2:
        return (" on the left", " on the right")[number]
    return f" who is {_ORDER[number] if number < len(_ORDER) else number + 1} from the left"
