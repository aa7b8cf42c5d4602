"""Score the replies of a model to the questions of HumanVBench, as its authors publish scores."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from dj_assets.errors import UserError
from dj_assets.evaluation.evaluation_records import EvaluationRecord
from dj_assets.evaluation.humanvbench.tasks import GROUPS, TASKS

BENCHMARK = "HumanVBench"
_OPTION = re.compile(r"Option ([A-H]): \{?(.*?)\}?(?=\n\nOption [A-H]:|\s*\Z)", re.DOTALL)
# A phrase with which a reply names its choice.
_CHOICE = re.compile(
    r"(?:best|correct|right)\s+(?:option|answer|choice)\s*(?:is|:)?\s*:?\s*(?:option\s*)?[\"'(\[{]*([A-H])\b",
    re.IGNORECASE,
)
_LONG, _MISSING = 20, 2


@dataclass(frozen=True)
class Scores:
    """Hold the accuracies of a model in per cent: by task, by group, and those of a guess by task."""

    tasks: Mapping[str, float]
    groups: Mapping[str, float]
    random: Mapping[str, float]


def options_of(choices: str) -> dict[str, str]:
    r"""Return the content of every option by its letter, given the published text.

    Examples
    --------
    >>> options_of("Option A: {one}\n\nOption B: {two or more}")
    {'A': 'one', 'B': 'two or more'}
    """
    return {letter: content.strip() for letter, content in _OPTION.findall(choices)}


def letter_of(reply: str, options: Mapping[str, str]) -> str | None:
    """Return the option that a reply chooses, None if it chooses none.

    A phrase that names the best option comes first, then the content of an option in the reply, then the first letter
    of an option. Of a long content, all but two characters in a row are enough.

    Examples
    --------
    >>> options = {"A": "one", "B": "two"}
    >>> letter_of("The best option is: (B).", options), letter_of("I see two people", options), letter_of("A", options)
    ('B', 'B', 'A')
    """
    phrase = _CHOICE.search(reply)
    if phrase and phrase[1].upper() in options:
        return phrase[1].upper()
    by_content = next((letter for letter, content in options.items() if _has(reply, content)), None)
    if by_content is not None:
        return by_content
    rest = reply.strip().removeprefix("Based")
    return next((character for character in rest if character in options), None)


def _has(reply: str, content: str) -> bool:
    if not content:
        return False
    if len(content) > _LONG:
        return _longest_common(reply, content) >= len(content) - _MISSING
    exchanged = content.translate({ord(","): "-", ord("-"): ","})
    return any(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", reply) for text in (content, exchanged))


def _longest_common(one: str, other: str) -> int:
    """Return the length of the longest common substring."""
    best, before = 0, [0] * (len(other) + 1)
    for character in one:
        row = [0] * (len(other) + 1)
        for index, wanted in enumerate(other, 1):
            if character == wanted:
                row[index] = before[index - 1] + 1
                best = max(best, row[index])
        before = row
    return best


def score(questions: Mapping[str, Sequence[Mapping[str, str]]], runs: Sequence[Mapping[str, str]]) -> Scores:
    """Return the scores of a model.

    Parameters
    ----------
    questions
        The questions of every task in the published form.
    runs
        The reply to every question by its `Question_id`, for each run; five runs are usual. A missing reply is wrong.
    """
    tasks, random = {}, {}
    for task, own in questions.items():
        if not own:
            continue
        listed = [(question, options_of(question["choices"])) for question in own]
        right = [
            fmean(
                letter_of(run.get(question["Question_id"], ""), options) == question["Answer"]
                for question, options in listed
            )
            for run in runs
        ]
        tasks[task] = 100 * fmean(right)
        random[task] = 100 * len(own) / sum(len(options) for _, options in listed)
    groups = {}
    for group in GROUPS:
        values = [tasks[task.name] for task in TASKS if task.group == group and task.name in tasks]
        if values:
            groups[group] = fmean(values)
    return Scores(tasks, groups, random)


def records(scores: Scores, subset: str, model: str, source: str = "") -> list[EvaluationRecord]:
    """Return the accuracies of tasks and groups as evaluation records."""
    values = {**scores.tasks, **scores.groups}
    return [
        EvaluationRecord(subset, model, BENCHMARK, round(value, 2), metric=name, unit="%", source=source)
        for name, value in values.items()
    ]


def read_questions(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Read the questions of every task from files in the published form; a task without a file has none.

    Raises
    ------
    UserError
        If no task has a file, or a line is no question.
    """
    found: dict[str, list[dict[str, str]]] = {}
    for task in TASKS:
        path = folder / f"{task.name}.jsonl"
        if not path.is_file():
            continue
        own = []
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            try:
                question = json.loads(line)
                own.append({key: str(question[key]) for key in ("Question_id", "choices", "Answer")})
            except (ValueError, KeyError, TypeError):
                raise UserError(f"{path}:{number}: is no question of HumanVBench") from None
        found[task.name] = own
    if not found:
        raise UserError(f"{folder}: has no file of a task, such as {TASKS[0].name}.jsonl")
    return found


def read_replies(path: Path) -> list[dict[str, str]]:
    """Read the replies of a model: a JSON list with one object for each run, `Question_id` to reply.

    Raises
    ------
    UserError
        If the file has another content.
    """
    try:
        runs = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    if not isinstance(runs, list) or not runs or not all(isinstance(run, dict) for run in runs):
        raise UserError(f"{path}: is no list of runs, each an object of replies by Question_id")
    return [{str(key): str(reply) for key, reply in run.items()} for run in runs]
