"""The server of the review: one page with a clip, a question, and keys to accept, rewrite or reject it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dj_assets.errors import UserError
from dj_assets.evaluation.humanvbench.drafts import Draft, read_drafts
from dj_assets.evaluation.humanvbench.questions import LETTERS
from dj_assets.evaluation.humanvbench.review import ACCEPTED, BLIND, OPEN, STATES, Decision, Review, balance
from dj_assets.evaluation.humanvbench.selection import annotated_clips
from dj_assets.explore.review.clips import SubsetClips
from dj_assets.loopback import LoopbackServer, Reply, packaged

_OWN = ("review.html", "review.css", "review.js")
_SHARED = {"style.css": "dj_assets.views.page", "explore.css": "dj_assets.explore", "dom.js": "dj_assets.explore"}


class ReviewServer(LoopbackServer):
    """Server for one reviewer of the draft questions in a folder, about the clips of a finished subset."""

    def __init__(self, port: int, folder: Path, reviewer: str, token: str | None = None) -> None:
        """Open the drafts, the decisions so far, and the clips.

        Raises
        ------
        UserError
            If the folder has no drafts, their subset has no finished run, or the port is taken.
        """
        self.reviewer = reviewer
        drafts = read_drafts(folder)
        if not drafts:
            raise UserError(f"{folder}: holds no questions")
        self.review = Review(folder, drafts)
        # a question that needs no video is not reviewed
        self._order = [name for name, draft in self.review.drafts.items() if not draft.is_solvable_blind]
        self._clips = SubsetClips(drafts[0].subset)
        self._annotated = annotated_clips(self._clips.refined)
        super().__init__(port, token)

    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:
        """Return the page, one of its files, or the clip of a question."""
        name = path.removeprefix("/")
        if name == "clip":
            draft = self._draft(query["question"])
            return self._clips.reply(draft.sample, draft.clip)
        if name in _SHARED:
            return packaged(_SHARED[name], name)
        name = name or "review.html"
        return packaged(__package__, name) if name in _OWN else None

    def ask(self, path: str, question: str, asked: Mapping[str, Any]) -> Mapping[str, object] | None:
        """Answer a question of the page.

        Raises
        ------
        UserError
            If there is no such question, or a decision is not complete.
        """
        if path != "/":
            return None
        if question == "about":
            return self._about()
        if question == "question":
            return self._shown(self._draft(asked["question"]))
        if question == "decide":
            return self._decide(asked)
        raise UserError(f"no such question: {question}")

    def server_close(self) -> None:
        """Stop listening, and close the subset."""
        super().server_close()
        self._clips.close()

    def _about(self) -> dict[str, object]:
        reviewed = self.review.reviewed()
        states = Counter(one.state for one in reviewed)
        kept = balance(one.question for one in reviewed if one.state in {ACCEPTED, OPEN})
        own = {name: self.review.of(name, self.reviewer) for name in self._order}
        return {
            "reviewer": self.reviewer,
            "questions": [
                {"id": one.draft.question.identity, "task": one.draft.question.task, "state": one.state}
                for one in reviewed
                if one.state != BLIND
            ],
            "own": {name: decision.decision for name, decision in own.items() if decision},
            "states": {state: states[state] for state in STATES},
            "balance": {task: [counts[letter] for letter in LETTERS[:4]] for task, counts in kept.items()},
            "agreements": [
                {"reviewers": one.reviewers, "questions": one.number, "equal": one.both + one.none, "kappa": one.kappa}
                for one in self.review.agreements()
            ],
        }

    def _shown(self, draft: Draft) -> dict[str, object]:
        question, decision = draft.question, self.review.of(draft.question.identity, self.reviewer)
        now = decision.applied(question) if decision else question
        clip = self._annotated.get((draft.sample, draft.clip))
        return {
            "id": question.identity,
            "task": question.task,
            "sample": draft.sample,
            "clip": draft.clip,
            "text": now.text,
            "was": question.text,
            "key": now.key,
            "votes": question.votes,
            "options": [
                {"text": option, "key": option == now.key, "origin": list(now.origins.get(option, ()))}
                for option in now.options
            ],
            "answers": dict(draft.answers),
            "agreed": list(draft.agreed) if now.key == question.key else [],
            "making": asdict(draft.making) if draft.making else None,
            "blind": asdict(draft.blind) if draft.blind else None,
            "annotations": _plain(asdict(clip)) if clip else None,
            "decision": asdict(decision) if decision else None,
        }

    def _decide(self, asked: Mapping[str, Any]) -> dict[str, object]:
        decision = Decision(
            time="",
            reviewer=self.reviewer,
            question=str(asked["question"]),
            decision=str(asked["decision"]),
            chosen=str(asked.get("chosen", "")),
            text=str(asked.get("text", "")).strip(),
            key=str(asked.get("key", "")).strip(),
            distractors=tuple(str(option).strip() for option in asked.get("distractors", ())),
        )
        self.review.decide(decision)
        return self._about()

    def _draft(self, name: object) -> Draft:
        draft = self.review.drafts.get(str(name))
        if draft is None:
            raise UserError(f"no such question: {name}")
        return draft


def _plain(clip: dict[str, Any]) -> dict[str, Any]:
    """Return annotations that JSON has: a track of a clip without a frame rate has no seconds."""
    return {**clip, "spans": [span for span in clip["spans"] if all(map(math.isfinite, span))]}
