"""Let models make questions about annotated clips: describe, write the question, answer it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dj_assets.evaluation.humanvbench.asked_models import AskedModel, Chat
from dj_assets.evaluation.humanvbench.briefs import BRIEFS, WORDS, Brief, Person, person_of
from dj_assets.evaluation.humanvbench.clip_frames import FramesOfRun
from dj_assets.evaluation.humanvbench.drafts import Answered, Making
from dj_assets.evaluation.humanvbench.selection import AnnotatedClip
from dj_assets.media.marked_frames import MarkedFrames
from dj_assets.models.human.tracks import Track
from dj_assets.models.store import ModelStore
from dj_assets.models.text.chat import KeptAnswers
from dj_assets.models.text.pictures import Picture
from dj_assets.operators.views.human_tracks import boxes_of

_VERSION = "humanvbench/{}/1"
# Clips whose frames are in memory at the same time.
_AT_A_TIME = 8
_ATTEMPTS = 3
# Characters of the words that are shown to a model: a random recogniser repeats itself.
_MOST_WORDS = 1000
_FRAMES = "These are frames of one video, taken at the seconds {seconds}.{mark}{words}"
_MARK = " A red box marks one person."
_WORDS_SPOKEN = ' The words that are spoken: "{words}".'
_DESCRIBE = "{frames} Describe {about}, in less than 80 words."
_WRITE = """A description of a video: {description}

Write one question about {about}, which only somebody who saw the video can answer, and its answer in at most {most}
words. Do not give the answer away in the question. Reply with one JSON object {{"question": "...", "answer": "..."}}"""
_ANSWER = "{frames} {question} Answer in at most {most} words, without a reason."
_IN_THE_BOX = "the person in the red box"
_PEOPLE = "the people"

Clip = tuple[str, int]


@dataclass(frozen=True)
class Makers:
    """Hold the models that make questions, where their calls are kept, and where models of this machine are.

    `author` describes a clip and writes questions. Each model of `voters` answers; a model may be both.
    """

    author: AskedModel
    voters: Sequence[AskedModel]
    kept: KeptAnswers
    store: ModelStore = field(default_factory=ModelStore)

    def warnings(self, blind: AskedModel | None = None) -> list[str]:
        """Return what makes votes or the blind test weak: models of one family err in the same way."""
        families = Counter(model.family for model in self.voters)
        found = []
        if len(self.voters) > 1 and len(families) == 1:
            found.append(f"all models that answer are of the family {next(iter(families))}: they err in the same way")
        if blind is not None and blind.family in families:
            found.append(f"the blind test asks a model of the family {blind.family}, which also answers the questions")
        return found


@dataclass(frozen=True)
class _Case:
    """One question to be made: a task, a clip with its annotations, the person, and the frames that models see."""

    task: str
    clip: Clip
    brief: Brief
    person: Person | None
    pictures: tuple[Picture, ...]
    frames: str

    def filled(self, text: str, description: str = "") -> str:
        """Return a text of the brief with the name of the person, the second, and a description."""
        person = self.person.name if self.person else _PEOPLE
        return text.format(
            person=person, second=f"{self.person.second:g}" if self.person else "", description=description
        )

    def about(self) -> str:
        """Return what a description is about, for a model that sees the mark."""
        return self.brief.about.format(person=_IN_THE_BOX if self.person else _PEOPLE)


def ask_models(
    clips: Sequence[Mapping[str, Any]],
    annotated: Mapping[Clip, AnnotatedClip],
    tracks: Mapping[Clip, Sequence[tuple[Track, float]]],
    frames: FramesOfRun,
    makers: Makers,
) -> tuple[list[Answered], Counter[str]]:
    """Return the questions that models made and answered, and how many were not made, by reason.

    Parameters
    ----------
    clips
        Rows of `selection.candidates`; those whose task models cannot see are left out.
    annotated, tracks
        The annotations and the tracks of all clips.
    frames
        Opens the clips.
    makers
        The models.

    Raises
    ------
    UserError
        If a clip cannot be decoded.
    TextModelError
        If every call of a model would fail.
    """
    wanted = [row for row in clips if row["task"] in BRIEFS and tracks.get((row["sample"], row["clip"]))]
    made: list[Answered] = []
    without = Counter[str]()
    for begin in range(0, len(wanted), _AT_A_TIME):
        cases = [_case(row, annotated, tracks, frames) for row in wanted[begin : begin + _AT_A_TIME]]
        written, failed = _written(cases, makers)
        without.update(failed)
        made += _answered(written, makers)
    return made, without


def _case(
    row: Mapping[str, Any],
    annotated: Mapping[Clip, AnnotatedClip],
    tracks: Mapping[Clip, Sequence[tuple[Track, float]]],
    frames: FramesOfRun,
) -> _Case:
    clip, brief = (str(row["sample"]), int(row["clip"])), BRIEFS[row["task"]]
    known, own = annotated[clip], tracks[clip]
    person = person_of(own, known.speaks) if brief.marked else None
    track = own[person.track - 1][0] if person else None
    boxes = boxes_of(track, track.persons, range(len(track))) if track else ()
    moments = frames.frames(*clip, MarkedFrames(boxes=boxes))
    said = _FRAMES.format(
        seconds=", ".join(f"{second:g}" for second in moments.seconds),
        mark=_MARK if person else "",
        words=_WORDS_SPOKEN.format(words=known.words[:_MOST_WORDS]) if known.words else "",
    )
    return _Case(row["task"], clip, brief, person, tuple(map(Picture.of, moments.pixels)), said)


@dataclass(frozen=True)
class _Written:
    """A question of the author, with the answer that the author wrote, "" if the task has a fixed question."""

    case: _Case
    question: str
    description: str
    key: str
    calls: Mapping[str, str]


def _written(cases: Sequence[_Case], makers: Makers) -> tuple[list[_Written], Counter[str]]:
    """Return the questions of the author; a task with a fixed question has only a description."""
    described = makers.author.ask(
        [
            Chat(_DESCRIBE.format(frames=case.frames, about=case.about()), _VERSION.format("describe"), case.pictures)
            for case in cases
        ],
        makers.kept,
        makers.store,
    )
    found, without = [], Counter[str]()
    for case, (key, answer) in zip(cases, described, strict=True):
        if answer is None or not answer.text.strip():
            without["the author gave no description"] += 1
            continue
        text = " ".join(answer.text.split())
        if case.brief.question is not None:
            question = case.filled(case.brief.question, text)
            found.append(_Written(case, question, text, "", {"describe": key}))
            continue
        call, pair = _question_of(case, text, makers)
        if pair is None:
            without["the author wrote no question in the form that was asked for"] += 1
        else:
            found.append(_Written(case, pair[0], text, pair[1], {"describe": key, "write": call}))
    return found, without


def _question_of(case: _Case, description: str, makers: Makers) -> tuple[str, tuple[str, str] | None]:
    """Return the key of the author's last call, and question and answer; None after attempts in another form."""
    prompt = _WRITE.format(description=description, about=case.filled(case.brief.about), most=WORDS)
    key = ""
    for attempt in range(_ATTEMPTS):
        chat = Chat(prompt, _VERSION.format("write"), attempt=attempt, temperature=0.7 if attempt else 0.0)
        ((key, answer),) = makers.author.ask([chat], makers.kept, makers.store)
        pair = read_question(answer.text) if answer else None
        if pair is not None:
            return key, pair
    return key, None


def read_question(reply: str) -> tuple[str, str] | None:
    """Return question and answer of an author's reply, None if it has another form.

    Examples
    --------
    >>> read_question('Here it is: {"question": "Why does she run?", "answer": "It rains."}')
    ('Why does she run?', 'It rains.')
    >>> read_question("Why does she run?") is None
    True
    """
    for start in (index for index, sign in enumerate(reply) if sign == "{"):
        try:
            content, _ = json.JSONDecoder().raw_decode(reply[start:])
        except ValueError:
            continue
        pair = (content.get("question"), content.get("answer"))
        if all(isinstance(text, str) and text.strip() for text in pair):
            return str(pair[0]).strip(), str(pair[1]).strip()
    return None


def _answered(written: Sequence[_Written], makers: Makers) -> Iterator[Answered]:
    """Yield the questions with the open answers of all models, each of which sees the frames."""
    said: list[dict[str, str]] = [{} for _ in written]
    calls: list[dict[str, str]] = [dict(one.calls) for one in written]
    chats = [
        Chat(
            _ANSWER.format(frames=one.case.frames, question=one.question, most=WORDS),
            _VERSION.format("answer"),
            one.case.pictures,
        )
        for one in written
    ]
    for model in makers.voters if chats else ():
        for index, (key, answer) in enumerate(model.ask(chats, makers.kept, makers.store)):
            calls[index][model.name] = key
            if answer is not None:
                said[index][model.name] = " ".join(answer.text.split())
    for one, answers, keys in zip(written, said, calls, strict=True):
        # one vote for each model: that of an author who also answers is the answer
        if one.key and makers.author.name not in {model.name for model in makers.voters}:
            answers[makers.author.name] = one.key
        person = one.case.person
        making = Making(
            author=makers.author.name,
            description=one.description,
            key=one.key,
            track=person.track if person else None,
            person=person.name if person else "",
            calls=keys,
        )
        yield Answered(one.case.task, *one.case.clip, one.question, answers, making)
