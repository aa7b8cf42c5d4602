"""The review of draft questions: decisions of people, appended to a file, and what becomes of each question."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

from dj_assets.errors import UserError
from dj_assets.evaluation.agreement import Agreement
from dj_assets.evaluation.humanvbench.drafts import Draft
from dj_assets.evaluation.humanvbench.questions import Question, normalised
from dj_assets.home.json_files import append_line, read_lines

FILE = "decisions.jsonl"
ACCEPT, REWRITE, REJECT = "accept", "rewrite", "reject"
OPEN, ACCEPTED, REJECTED, DISPUTED, BLIND = "open", "accepted", "rejected", "disputed", "solvable blind"
STATES = (OPEN, ACCEPTED, REJECTED, DISPUTED, BLIND)


@dataclass(frozen=True)
class Decision:
    """Hold one decision of a reviewer about a question.

    Attributes
    ----------
    chosen
        The option that the reviewer chose before the key was shown; empty if none.
    text, key, distractors
        The rewritten question; empty if it was not rewritten.
    """

    time: str
    reviewer: str
    question: str
    decision: str
    chosen: str = ""
    text: str = ""
    key: str = ""
    distractors: tuple[str, ...] = ()

    def applied(self, question: Question) -> Question:
        """Return the question as this decision leaves it; options that people wrote have their name as origin."""
        if self.decision != REWRITE:
            return question
        origins = {text: question.origins.get(text, (f"reviewer: {self.reviewer}",)) for text in self.distractors}
        return replace(question, text=self.text, key=self.key, distractors=self.distractors, origins=origins)


@dataclass(frozen=True)
class Reviewed:
    """Hold a draft after the review: its state, the question as it is published, and the newest decisions."""

    draft: Draft
    state: str
    question: Question
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class ReviewerAgreement(Agreement):
    """The questions that two reviewers decided: kept by both, by one of them, or by none."""

    reviewers: tuple[str, str]


class Review:
    """The review of the drafts in a folder. Several threads and processes may decide at the same time."""

    def __init__(self, folder: Path, drafts: Sequence[Draft]) -> None:
        """Read the decisions in a folder; there may be none yet.

        Raises
        ------
        DamagedError
            If a line cannot be read.
        """
        self.path = folder / FILE
        self.drafts = {draft.question.identity: draft for draft in drafts}
        self._deciding = threading.Lock()
        self._newest: dict[tuple[str, str], Decision] = {}
        for decision in read_lines(self.path, _decision, "decision"):
            self._take(decision)

    def decide(self, decision: Decision) -> None:
        """Append a decision, with the present time; a later one of the same reviewer takes its place.

        Raises
        ------
        UserError
            If there is no such question or decision, or a rewritten question is not complete.
        """
        draft = self.drafts.get(decision.question)
        if draft is None:
            raise UserError(f"no such question: {decision.question}")
        if decision.decision not in {ACCEPT, REWRITE, REJECT}:
            raise UserError(f"no such decision: {decision.decision}; it is {ACCEPT}, {REWRITE} or {REJECT}")
        if not decision.reviewer.strip():
            raise UserError("a decision needs the name of the reviewer")
        if decision.decision == REWRITE:
            _require_complete(decision, len(draft.question.distractors))
        decided = replace(decision, time=datetime.now(UTC).isoformat(timespec="seconds"))
        with self._deciding:
            append_line(self.path, asdict(decided))
            self._take(decided)

    def of(self, question: str, reviewer: str) -> Decision | None:
        """Return the newest decision of a reviewer about a question."""
        return self._newest.get((question, reviewer))

    def reviewed(self) -> list[Reviewed]:
        """Return all drafts with their state, in their order.

        A question is accepted if every reviewer who decided keeps it, in the same form; rejected if all reject it;
        else it is disputed. One that a model answered without the video is solvable blind, and needs no decision.
        """
        decided: dict[str, list[Decision]] = {}
        for (question, _), decision in list(self._newest.items()):
            decided.setdefault(question, []).append(decision)
        return [_judged(draft, decided.get(name, [])) for name, draft in self.drafts.items()]

    def agreements(self) -> list[ReviewerAgreement]:
        """Return the agreement of every two reviewers who decided about the same questions."""
        keeps: dict[str, dict[str, bool]] = {}
        for (question, reviewer), decision in list(self._newest.items()):
            if question in self.drafts:
                keeps.setdefault(reviewer, {})[question] = decision.decision != REJECT
        pairs = []
        for one, other in combinations(sorted(keeps), 2):
            both = [(keeps[one][name], keeps[other][name]) for name in keeps[one] if name in keeps[other]]
            if both:
                pairs.append(ReviewerAgreement.of(both, reviewers=(one, other)))
        return pairs

    def _take(self, decision: Decision) -> None:
        self._newest[decision.question, decision.reviewer] = decision


def balance(questions: Iterable[Question]) -> dict[str, Counter[str]]:
    """Return how often each letter is the right one, by task."""
    counts: dict[str, Counter[str]] = {}
    for question in questions:
        counts.setdefault(question.task, Counter())[question.answer] += 1
    return counts


def _require_complete(decision: Decision, distractors: int) -> None:
    options = [normalised(option) for option in (decision.key, *decision.distractors)]
    if not decision.text.strip() or not all(options):
        raise UserError("a rewritten question needs a text, and no option may be empty")
    if len(decision.distractors) != distractors or len(set(options)) != len(options):
        raise UserError(f"a rewritten question needs {distractors + 1} different options")


def _judged(draft: Draft, decisions: Sequence[Decision]) -> Reviewed:
    own = tuple(sorted(decisions, key=lambda decision: (decision.time, decision.reviewer)))
    forms = [decision.applied(draft.question) for decision in own if decision.decision != REJECT]
    if draft.is_solvable_blind:
        state = BLIND
    elif not own:
        state = OPEN
    elif not forms:
        state = REJECTED
    elif len(forms) < len(own) or any(form.published() != forms[0].published() for form in forms):
        state = DISPUTED
    else:
        state = ACCEPTED
    return Reviewed(draft, state, forms[0] if state == ACCEPTED else draft.question, own)


def _decision(content: dict[str, Any]) -> Decision:
    decision = Decision(**content)
    return replace(decision, distractors=tuple(decision.distractors))
