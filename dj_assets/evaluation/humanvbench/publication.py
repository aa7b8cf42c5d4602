"""Publish reviewed questions: one file a task, the clips, and where every question comes from."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from dj_assets.evaluation.humanvbench.questions import write_benchmark
from dj_assets.evaluation.humanvbench.review import ACCEPTED, STATES, Reviewed
from dj_assets.home.writing import replace_atomically

PROVENANCE, VIDEOS = "provenance.jsonl", "videos"


def publish(folder: Path, reviewed: Sequence[Reviewed], opened: Callable[[str, int], IO[bytes]]) -> Counter[str]:
    """Write the accepted questions, their clips and their provenance; return the number of questions by state.

    Parameters
    ----------
    folder
        Gets `<task>.jsonl` in the published form, `videos/<task>/<file>`, and `provenance.jsonl`: for every question
        the subset, sample and clip, the votes and answers of models, the origin of each option, and all decisions.
    reviewed
        All questions with their state.
    opened
        Opens the clip of a sample, given its id and the number of the clip, from 1.
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
    with replace_atomically(folder / PROVENANCE) as path:
        path.write_text("".join(json.dumps(_provenance(one), ensure_ascii=False) + "\n" for one in accepted), "utf-8")
    # written last: a reader of the questions finds their clips
    write_benchmark(folder, [one.question for one in accepted])
    counts = Counter(dict.fromkeys(STATES, 0))
    counts.update(one.state for one in reviewed)
    return counts


def _provenance(one: Reviewed) -> dict[str, object]:
    question, draft = one.question, one.draft
    return {
        "Question_id": question.identity,
        "subset": draft.subset,
        "sample": draft.sample,
        "clip": draft.clip,
        "key": question.key,
        "votes": question.votes,
        "answers": dict(draft.answers),
        "origins": {option: list(origin) for option, origin in question.origins.items()},
        "seed": question.seed,
        "decisions": [asdict(decision) for decision in one.decisions],
        "before": {"text": draft.question.text, "options": list(draft.question.options)},
    }
