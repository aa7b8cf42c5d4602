"""Make the drafts of a folder: select clips, let models ask and answer, vote, test blind, and write the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from dj_assets.errors import UserError
from dj_assets.evaluation.humanvbench.asked_models import AskedModel
from dj_assets.evaluation.humanvbench.asking import Makers, ask_models
from dj_assets.evaluation.humanvbench.blind import blind_tests
from dj_assets.evaluation.humanvbench.briefs import BRIEFS
from dj_assets.evaluation.humanvbench.clip_frames import FramesOfRun
from dj_assets.evaluation.humanvbench.drafts import Answered, Draft, make_drafts, read_answers, write_drafts
from dj_assets.evaluation.humanvbench.questions import longest_keys
from dj_assets.evaluation.humanvbench.selection import annotated_clips, candidates, tracks_of_clips
from dj_assets.models.store import ModelStore
from dj_assets.models.text.counting import CallCounts, counting
from dj_assets.stores.generations import FOLDER as CALLS
from dj_assets.stores.generations import Generations


@dataclass(frozen=True)
class Orders:
    """Hold what a user wants: a file of answers, models by name or `NAME=ADDRESS`, the blind test, tasks, options."""

    answers: Path | None = None
    models: tuple[str, ...] = ()
    author: str = ""
    blind: str = ""
    tries: int = 4
    solved: int = 3
    tasks: tuple[str, ...] = ()
    options: int = 4
    seed: int = 0


@dataclass(frozen=True)
class Drafted:
    """Hold the file of drafts, the drafts in it, and remarks for the user."""

    path: Path
    drafts: tuple[Draft, ...]
    remarks: tuple[str, ...]


def drafted(subset: str, refined: Sequence[Path], folder: Path, orders: Orders) -> Drafted:
    """Make the drafts of a subset and write them into a folder, where the calls of models are kept, too.

    Raises
    ------
    UserError
        If the subset lacks an annotation, or a task or a file of answers is wrong.
    TextModelError
        If no model can be asked.
    """
    unknown = sorted(set(orders.tasks) - set(BRIEFS))
    if unknown:
        raise UserError(f"{unknown[0]}: models are not asked for this task; those are {', '.join(BRIEFS)}")
    given = read_answers(orders.answers) if orders.answers else []
    suitable = candidates(refined)
    kept, store = Generations(str(folder / CALLS)), ModelStore()
    voters = [AskedModel.of(text) for text in orders.models]
    blind = _named(orders.blind, voters) if orders.blind else None
    remarks: list[str] = []
    without = Counter[str]()
    with counting() as counted:
        if orders.models:
            author = _named(orders.author, voters) if orders.author else voters[0]
            makers = Makers(author, voters, kept, store)
            remarks += makers.warnings(blind)
            asked, without = _asked(subset, refined, suitable, makers, orders.tasks)
            given += asked
        made, unmade = make_drafts(subset, suitable, given, options=orders.options, seed=orders.seed)
        if blind is not None:
            questions = [draft.question for draft in made]
            tests = blind_tests(questions, blind, kept, store, tries=orders.tries, least=orders.solved)
            made = [replace(draft, blind=test) for draft, test in zip(made, tests, strict=True)]
    reasons = (f"{count:,} not made: {reason}" for reason, count in (without + unmade).items())
    remarks += [*reasons, *_about_calls(counted.by_model), *_about_drafts(made)]
    return Drafted(write_drafts(folder, made), tuple(made), tuple(remarks))


def _named(text: str, voters: Sequence[AskedModel]) -> AskedModel:
    """Return the model that is named; a name without an address means the model that answers under this name."""
    given = AskedModel.of(text)
    return given if given.address else next((model for model in voters if model.name == given.name), given)


def _asked(
    subset: str, refined: Sequence[Path], suitable: pa.Table, makers: Makers, tasks: Sequence[str]
) -> tuple[list[Answered], Counter[str]]:
    rows = [row for row in suitable.to_pylist() if not tasks or row["task"] in tasks]
    with FramesOfRun.of(subset) as frames:
        return ask_models(rows, annotated_clips(refined), tracks_of_clips(refined), frames, makers)


def _about_calls(by_model: dict[str, CallCounts]) -> Iterator[str]:
    for model, counts in by_model.items():
        asked = f"{counts.asked:,} calls, {counts.failed:,} of them failed"
        yield f"{model}: {asked}; {counts.kept:,} answers were kept before"


def _about_drafts(drafts: Sequence[Draft]) -> Iterator[str]:
    solvable = sum(draft.is_solvable_blind for draft in drafts)
    if solvable:
        yield f"{solvable:,} of {len(drafts):,} questions are solvable blind, and are left out"
    voted = [draft.question for draft in drafts if draft.question.votes and not draft.is_solvable_blind]
    number, expected = longest_keys(voted)
    if number > 2 * expected:
        yield f"the right option is the longest one in {number:,} of {len(voted):,} questions, by chance {expected:.1f}"
