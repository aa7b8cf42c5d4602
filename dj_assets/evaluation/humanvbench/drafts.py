"""Draft questions of HumanVBench: made from annotated clips and answers of models, kept in a file for the review."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from dj_assets.errors import DamagedError, UserError
from dj_assets.evaluation.humanvbench.blind import BlindTest
from dj_assets.evaluation.humanvbench.questions import Question, count_question, normalised, voted_question
from dj_assets.home.writing import replace_atomically

FILE = "drafts.jsonl"
_COUNT = "Human_Count"


@dataclass(frozen=True)
class Making:
    """Hold how models made a question.

    Attributes
    ----------
    author, description, key
        The model that described the clip, its description, and the answer that it wrote, "" for a fixed question.
    track, person
        The number of the track that the question is about, from 1, and how the question names the person; None and ""
        for a question about everyone. The frames that models saw had a red box around the person.
    calls
        The key of each call in the folder of calls, by step or by the model that answered.
    """

    author: str
    description: str
    key: str = ""
    track: int | None = None
    person: str = ""
    calls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """Hold a question before its review, and where it comes from.

    Attributes
    ----------
    subset, sample, clip
        The subset or output folder, the id of the refined sample, and the number of its clip, from 1.
    answers
        The open answer of every model that voted, by its name; empty if a rule made the question.
    making, blind
        How models made it, and its blind test; None where there was none.
    """

    question: Question
    subset: str
    sample: str
    clip: int
    answers: Mapping[str, str] = field(default_factory=dict)
    making: Making | None = None
    blind: BlindTest | None = None

    @property
    def agreed(self) -> tuple[str, ...]:
        """Return the models whose answer is the key."""
        key = normalised(self.question.key)
        return tuple(model for model, answer in self.answers.items() if normalised(answer) == key)

    @property
    def is_solvable_blind(self) -> bool:
        """Return whether a model answered it without the video: such a question is not published."""
        return self.blind is not None and self.blind.is_solvable


@dataclass(frozen=True)
class Answered:
    """Hold a question about a clip that models answered, as a line of a file of answers has it, without `making`."""

    task: str
    sample: str
    clip: int
    question: str
    answers: Mapping[str, str]
    making: Making | None = None


def read_answers(path: Path) -> list[Answered]:
    """Return the lines of a file of answers: task, sample, clip, question, and the answer of every model.

    Raises
    ------
    UserError
        If there is no such file, or a line is something else; the message names it.
    """
    return [_answered(line, f"{path}, line {number}") for number, line in _lines(path)]


def _answered(line: str, place: str) -> Answered:
    wanted = "an object with task, sample, clip, question, and answers by model is needed"
    try:
        given = json.loads(line)
        answered = Answered(**given)
    except (ValueError, TypeError) as error:
        raise UserError(f"{place}: {wanted} ({error})") from None
    texts = [answered.task, answered.sample, answered.question]
    if isinstance(answered.answers, dict):
        texts += [*answered.answers, *answered.answers.values()]
    read = isinstance(answered.answers, dict) and answered.making is None
    if not read or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{place}: {wanted}")
    return answered


def make_drafts(
    subset: str, clips: pa.Table, answered: Sequence[Answered] = (), *, options: int = 4, seed: int = 0
) -> tuple[list[Draft], Counter[str]]:
    """Return the draft questions, and how many questions could not be made, by reason.

    Parameters
    ----------
    subset, clips
        The subset or output folder, and its clips that suit each task, see `selection.candidates`. Each that
        suits the counting of people gets that question, which needs no model.
    answered
        Questions that models answered. The most frequent answer is the key, wrong ones are the distractors.
    options, seed
        The number of options, and the seed of their positions.

    Raises
    ------
    UserError
        If an answered question is about a clip that does not suit its task.
    """
    suitable = {(row["task"], row["sample"], row["clip"]): row for row in clips.to_pylist()}
    drafts, without = [], Counter[str]()
    for (task, sample, clip), row in suitable.items():
        if task == _COUNT:
            name = _identity(task, sample, clip)
            question = count_question(name, _file_name(row), row["people"], options, seed)
            drafts.append(Draft(question, subset, sample, clip))
    for one in answered:
        found = suitable.get((one.task, one.sample, one.clip))
        if found is None:
            raise UserError(
                f"{one.sample}, clip {one.clip}: does not suit the task {one.task}, or is not in the subset"
            )
        name = _identity(one.task, one.sample, one.clip, one.question)
        voted = voted_question(name, one.task, _file_name(found), one.question, one.answers, options=options, seed=seed)
        if voted is None:
            without["the models do not agree, or gave too few different wrong answers"] += 1
        else:
            drafts.append(Draft(voted, subset, one.sample, one.clip, one.answers, one.making))
    return drafts, without


def write_drafts(folder: Path, drafts: Sequence[Draft]) -> Path:
    """Write drafts into a folder, one a line; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    with replace_atomically(folder / FILE) as path:
        path.write_text("".join(json.dumps(asdict(draft), ensure_ascii=False) + "\n" for draft in drafts), "utf-8")
    return folder / FILE


def read_drafts(folder: Path) -> list[Draft]:
    """Return the drafts in a folder.

    Raises
    ------
    UserError
        If the folder has no file of drafts.
    DamagedError
        If a line cannot be read.
    """
    path = folder / FILE
    drafts = []
    for number, line in _lines(path):
        try:
            drafts.append(_draft(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedError(f"{path}, line {number}: is no draft ({error}); make the drafts again") from error
    return drafts


def _draft(content: dict[str, Any]) -> Draft:
    own = content["question"]
    origins = {text: tuple(models) for text, models in own["origins"].items()}
    question = Question(**{**own, "distractors": tuple(own["distractors"]), "origins": origins})
    made, tested = content.get("making"), content.get("blind")
    making = None if made is None else Making(**made)
    blind = None if tested is None else BlindTest(**{**tested, "calls": tuple(tested["calls"])})
    return Draft(**{**content, "question": question, "making": making, "blind": blind})


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _identity(task: str, sample: str, clip: int, text: str = "") -> str:
    """Return the id of a question: the same for the same question about the same clip, in every run."""
    digest = hashlib.sha256("\0".join((task, sample, str(clip), text)).encode()).hexdigest()
    return f"{task}_{digest[:12]}"


def _file_name(clip: Mapping[str, Any]) -> str:
    """Return a name for the file of a clip; files of the same name in other folders have another one."""
    digest = hashlib.sha256(f"{clip['sample']}\0{clip['clip']}".encode()).hexdigest()
    return f"{digest[:8]}_{PurePath(clip['video']).name}"
