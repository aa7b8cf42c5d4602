"""Make questions with options: the key by vote, distractors from wrong answers, positions from a seed."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dj_assets.evaluation.humanvbench.tasks import TASKS
from dj_assets.home.writing import replace_atomically

LETTERS = "ABCDEFGH"
_PUNCTUATION = " .,;:!?\"'"
# Answers that say nothing: as options, they give away that they are wrong, or that all others are.
_NOTHING = re.compile(
    r"\b(none of (these|them|the)|all of the above|(i )?(do not|don't|cannot|can't) (know|tell|see|determine|say)"
    r"|cannot be (determined|seen|said)|not (visible|clear|sure)|unclear|unknown|n/a|as an ai|i'm sorry|i am sorry)\b"
)


@dataclass(frozen=True)
class Vote:
    """Hold the outcome of a vote: the key, its number of votes, and the other answers, each with its models."""

    key: str
    votes: int
    others: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Question:
    """Hold one question with its options.

    Attributes
    ----------
    key
        The content of the right option.
    distractors
        The contents of the wrong options.
    origins
        Where each distractor comes from: the models that answered so, or a rule; keyed by its content.
    seed
        The seed of the positions.
    """

    identity: str
    task: str
    video: str
    text: str
    key: str
    distractors: tuple[str, ...]
    origins: Mapping[str, tuple[str, ...]]
    votes: int = 0
    seed: int = 0

    @property
    def options(self) -> tuple[str, ...]:
        """Return all options in their positions, which depend on the seed and the identity of the question only."""
        return tuple(sorted((self.key, *self.distractors), key=self._place))

    @property
    def answer(self) -> str:
        """Return the letter of the right option."""
        return LETTERS[self.options.index(self.key)]

    def _place(self, option: str) -> bytes:
        return hashlib.sha256(f"{self.seed}\0{self.identity}\0{option}".encode()).digest()

    def published(self) -> dict[str, str]:
        """Return the question in the form of the published files."""
        listed = (f"Option {letter}: {{{option}}}" for letter, option in zip(LETTERS, self.options, strict=False))
        return {
            "Question_id": self.identity,
            "Video": f"{self.task}/{self.video}",
            "Question": self.text,
            "choices": "\n\n".join(listed),
            "Answer": self.answer,
        }


def normalised(answer: str) -> str:
    """Return an answer as answers are compared: in lower case, with single spaces, without marks at its ends.

    Examples
    --------
    >>> normalised("  A red  Shirt. ")
    'a red shirt'
    """
    return " ".join(unicodedata.normalize("NFKC", answer).casefold().split()).strip(_PUNCTUATION)


def says_nothing(answer: str) -> bool:
    """Return whether an answer is empty, refuses, or is of the kind of "none of these".

    Examples
    --------
    >>> says_nothing("I cannot tell."), says_nothing("None of the above"), says_nothing("A red coat")
    (True, True, False)
    """
    text = normalised(answer)
    return not text or _NOTHING.search(text) is not None


def vote(answers: Mapping[str, str], least: int = 2) -> Vote | None:
    """Return the most frequent answer of several models as the key.

    None if too few models agree, or as many on another answer.

    Parameters
    ----------
    answers
        The open answer of every model, by its name.
    least
        The least number of votes of the key.

    Examples
    --------
    >>> vote({"a": "Two.", "b": "two", "c": "Three"}).key
    'Two.'
    >>> vote({"a": "one", "b": "two"}, least=1) is None
    True
    """
    counted = Counter(filter(None, map(normalised, answers.values())))
    best = counted.most_common(2)
    if not best or best[0][1] < least or (len(best) > 1 and best[1][1] == best[0][1]):
        return None
    key, votes = best[0]
    said = next(answer.strip() for answer in answers.values() if normalised(answer) == key)
    others: dict[str, list[str]] = {}
    for model, answer in answers.items():
        if normalised(answer) not in {key, ""}:
            same = next((known for known in others if normalised(known) == normalised(answer)), answer.strip())
            others.setdefault(same, []).append(model)
    return Vote(said, votes, {answer: tuple(models) for answer, models in others.items()})


def distinct(key: str, answers: Sequence[str], most_alike: float = 0.8) -> list[str]:
    """Return the answers that differ from the key and from each other, by the cosine of their words, in their order.

    Examples
    --------
    >>> distinct("a red shirt", ["A red shirt!", "the red shirt", "a blue coat"], most_alike=0.6)
    ['a blue coat']
    """
    kept: list[str] = []
    for answer in answers:
        if all(_cosine(answer, other) < most_alike for other in (key, *kept)):
            kept.append(answer)
    return kept


def _cosine(one: str, other: str) -> float:
    first, second = Counter(normalised(one).split()), Counter(normalised(other).split())
    common = sum(times * second[word] for word, times in first.items())
    lengths = sum(n * n for n in first.values()) * sum(n * n for n in second.values())
    return float(common / lengths**0.5) if lengths else 1.0


def count_question(identity: str, video: str, people: int, options: int = 4, seed: int = 0) -> Question:
    """Return the question how many people a clip shows, whose distractors are the nearest other numbers."""
    near = sorted((n for n in range(1, people + options + 1) if n != people), key=lambda n: (abs(n - people), n))
    wrong = tuple(str(number) for number in near[: options - 1])
    text = "How many people can be seen in the video at least?"
    origins = dict.fromkeys(wrong, ("rule: nearest numbers",))
    return Question(identity, "Human_Count", video, text, str(people), wrong, origins, seed=seed)


def voted_question(
    identity: str, task: str, video: str, text: str, answers: Mapping[str, str], *, options: int = 4, seed: int = 0
) -> Question | None:
    """Return a question whose key is voted by models and whose distractors are their other answers.

    None if the models do not agree, or give too few different wrong answers. Answers that say nothing do not count.
    """
    result = vote({model: answer for model, answer in answers.items() if not says_nothing(answer)})
    wrong = distinct(result.key, list(result.others))[: options - 1] if result else []
    if result is None or len(wrong) < options - 1:
        return None
    origins = {answer: result.others[answer] for answer in wrong}
    return Question(identity, task, video, text, result.key, tuple(wrong), origins, result.votes, seed)


def longest_keys(questions: Sequence[Question]) -> tuple[int, float]:
    """Return in how many questions the key is the longest option, and the number that chance would give.

    Examples
    --------
    >>> longest_keys([count_question("q", "a.mp4", 2)])
    (0, 0.25)
    """
    number = sum(all(len(question.key) > len(other) for other in question.distractors) for question in questions)
    return number, sum(1 / len(question.options) for question in questions)


def write_benchmark(folder: Path, questions: Sequence[Question]) -> dict[str, int]:
    """Write one file for each task in the published form; return the number of questions of each task."""
    counts: dict[str, int] = {}
    for task in TASKS:
        own = [question.published() for question in questions if question.task == task.name]
        counts[task.name] = len(own)
        lines = [json.dumps(question, ensure_ascii=False) for question in own]
        with replace_atomically(folder / f"{task.name}.jsonl") as path:
            path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return counts
