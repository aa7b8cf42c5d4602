"""Publish reviewed questions: one file a task, the clips, and where every question comes from."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from dj_assets.errors import UserError
from dj_assets.evaluation.humanvbench.asked_models import family_of
from dj_assets.evaluation.humanvbench.questions import write_benchmark
from dj_assets.evaluation.humanvbench.review import ACCEPTED, STATES, Reviewed
from dj_assets.home.json_files import read_lines
from dj_assets.home.writing import replace_atomically
from dj_assets.stores.generations import FOLDER as CALLS
from dj_assets.stores.generations import Generations

PROVENANCE, VIDEOS = "provenance.jsonl", "videos"


def publish(
    folder: Path,
    reviewed: Sequence[Reviewed],
    opened: Callable[[str, int], IO[bytes]],
    calls: Generations | None = None,
) -> Counter[str]:
    """Write the accepted questions, their clips and their provenance; return the number of questions by state.

    Parameters
    ----------
    folder
        Gets `<task>.jsonl` in the published form, `videos/<task>/<file>`, `provenance.jsonl` with the `provenance` of
        every question, and `generations/` with the calls of models behind them.
    reviewed
        All questions with their state.
    opened
        Opens the clip of a sample, given its id and the number of the clip, from 1.
    calls
        The calls of models, as far as models made the drafts.
    """
    accepted = [one for one in reviewed if one.state == ACCEPTED]
    folder.mkdir(parents=True, exist_ok=True)
    for one in accepted:
        target = folder / VIDEOS / one.question.task / one.question.video
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            opened(one.draft.sample, one.draft.clip) as clip,
            replace_atomically(target) as path,
            path.open("wb") as to,
        ):
            shutil.copyfileobj(clip, to)
    if calls is not None:
        _copy_calls(accepted, calls, Generations(str(folder / CALLS)))
    with replace_atomically(folder / PROVENANCE) as path:
        path.write_text("".join(json.dumps(provenance(one), ensure_ascii=False) + "\n" for one in accepted), "utf-8")
    # written last: a reader of the questions finds their clips
    write_benchmark(folder, [one.question for one in accepted])
    counts = Counter(dict.fromkeys(STATES, 0))
    counts.update(one.state for one in reviewed)
    return counts


def provenance(one: Reviewed) -> dict[str, Any]:
    """Return where a question comes from: clip, track, models and their answers, votes, blind test, decisions."""
    question, draft = one.question, one.draft
    models = {*draft.answers, *([draft.making.author] if draft.making else ())}
    return {
        "Question_id": question.identity,
        "task": question.task,
        "state": one.state,
        "text": question.text,
        "options": list(question.options),
        "subset": draft.subset,
        "sample": draft.sample,
        "clip": draft.clip,
        "key": question.key,
        "votes": question.votes,
        "answers": dict(draft.answers),
        "agreed": list(draft.agreed),
        "origins": {option: list(origin) for option, origin in question.origins.items()},
        "making": asdict(draft.making) if draft.making else None,
        "families": {model: family_of(model) for model in sorted(models)},
        "blind": asdict(draft.blind) if draft.blind else None,
        "seed": question.seed,
        "decisions": [asdict(decision) for decision in one.decisions],
        "before": {"text": draft.question.text, "options": list(draft.question.options)},
    }


def read_provenance(folder: Path) -> list[dict[str, Any]]:
    """Return the provenance of every published question in a folder.

    Raises
    ------
    UserError
        If the folder has no published questions.
    DamagedError
        If a line cannot be read.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        raise UserError(f"{path}: no such file; 'dj-assets questions publish' writes it")
    return read_lines(path, _of_question, "provenance of a question")


def made_by_family(folder: Path, model: str) -> int:
    """Return how many published questions a model of the same family made or answered; 0 without a provenance.

    Such questions may suit the model better than others.

    Raises
    ------
    DamagedError
        If a line of the provenance cannot be read.
    """
    if not (folder / PROVENANCE).is_file():
        return 0
    own = family_of(model)
    return sum(own in content.get("families", {}).values() for content in read_provenance(folder))


def _of_question(content: dict[str, Any]) -> dict[str, Any]:
    if not {"Question_id", "subset", "sample", "clip", "options", "decisions"} <= set(content):
        raise ValueError("a key is missing; publish the questions again")
    return content


def _copy_calls(accepted: Sequence[Reviewed], calls: Generations, to: Generations) -> None:
    for one in accepted:
        made, tested = one.draft.making, one.draft.blind
        for key in (*(made.calls.values() if made else ()), *(tested.calls if tested else ())):
            record = calls.read(key)
            if record is not None:
                to.write(key, record)
