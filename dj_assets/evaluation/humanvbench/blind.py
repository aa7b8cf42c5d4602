"""The blind test: a model that sees no video answers each question, and what it solves is not published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dj_assets.evaluation.humanvbench.asked_models import AskedModel, Chat
from dj_assets.evaluation.humanvbench.questions import LETTERS, Question
from dj_assets.evaluation.humanvbench.scoring import letter_of
from dj_assets.models.store import ModelStore
from dj_assets.models.text.chat import KeptAnswers

TRIES, LEAST = 4, 3
_PROMPT = """Answer a question about a video that you cannot see. Choose the most likely option.

{question}

{options}

Reply with the letter of the option only."""
_VERSION = "humanvbench/blind/1"
_TEMPERATURE = 0.7


@dataclass(frozen=True)
class BlindTest:
    """Hold how often a model without the video was right.

    Of `tries` attempts, it gave `right` times the right option; from `least` on, the question is solvable. `calls` are
    the keys of its calls.
    """

    model: str
    right: int
    tries: int
    least: int
    calls: tuple[str, ...] = ()

    @property
    def is_solvable(self) -> bool:
        """Return whether the question can be answered without the video."""
        return self.right >= self.least


def blind_tests(
    questions: Sequence[Question],
    model: AskedModel,
    kept: KeptAnswers,
    store: ModelStore,
    *,
    tries: int = TRIES,
    least: int = LEAST,
) -> list[BlindTest]:
    """Return the blind test of every question.

    Every attempt has another seed, and the options are moved on by one place: a model that always names the same letter
    is right once in as many attempts as there are options. A failed call is not right.

    Raises
    ------
    TextModelError
        If every call would fail.
    """
    chats = [_chat(question, attempt) for question in questions for attempt in range(tries)]
    answered = model.ask(chats, kept, store)
    tests = []
    for number, question in enumerate(questions):
        own = answered[number * tries : (number + 1) * tries]
        right = 0
        for attempt, (_, answer) in enumerate(own):
            options = _moved(question, attempt)
            letter = letter_of(answer.text, options) if answer else None
            right += letter is not None and options[letter] == question.key
        tests.append(BlindTest(model.name, right, tries, least, tuple(key for key, _ in own)))
    return tests


def _chat(question: Question, attempt: int) -> Chat:
    options = "\n".join(f"{letter}. {option}" for letter, option in _moved(question, attempt).items())
    text = _PROMPT.format(question=question.text, options=options)
    return Chat(text, _VERSION, attempt=attempt, temperature=_TEMPERATURE, most_tokens=32)


def _moved(question: Question, attempt: int) -> dict[str, str]:
    """Return the options by their letters, moved on by the number of the attempt."""
    options = question.options
    by = attempt % len(options)
    return dict(zip(LETTERS, options[by:] + options[:by], strict=False))
