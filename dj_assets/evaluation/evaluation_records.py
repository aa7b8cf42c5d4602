"""Evaluation records: what was measured or published of a subset, kept for good beside it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from dj_assets.home.manifest import write_json
from dj_assets.recipe.plan import digest

Origin = Literal["measured", "published"]


@dataclass(frozen=True)
class EvaluationRecord:
    """One number that a model got in a benchmark.

    Attributes
    ----------
    refined_hash, run_id
        The version of the subset that the model was trained on; None for a published record.
    pool
        The pool of it, None for the whole refined subset.
    model
        What was evaluated, in words that tell it from others.
    metric
        Which number of the benchmark; empty where it has one.
    seed
        Of the training, where there were several.
    source
        Where the number is from: a link, a file.
    command_hash
        What produced it, where that was a hook.
    at
        When it was entered, ISO 8601.
    """

    subset: str
    model: str
    benchmark: str
    value: float
    metric: str = ""
    unit: str = ""
    higher_is_better: bool = True
    origin: Origin = "measured"
    refined_hash: str | None = None
    run_id: str | None = None
    pool: str | None = None
    seed: int | None = None
    source: str = ""
    command_hash: str | None = None
    at: str = ""

    @property
    def name(self) -> str:
        """The benchmark with its metric."""
        return f"{self.benchmark} {self.metric}".strip()

    @property
    def key(self) -> tuple[object, ...]:
        """What a later record must share to supersede this one."""
        return (self.subset, self.refined_hash, self.pool, self.model, self.name, self.seed, self.origin)


def records_folder(subset_folder: Path) -> Path:
    """Return where the records of a subset lie: one JSON file an entry, never changed."""
    return subset_folder / "evaluations"


def append(folder: Path, records: Sequence[EvaluationRecord], baseline: str | None = None) -> list[EvaluationRecord]:
    """Add records; what is there stays. Return them with the time of entry.

    `baseline` names the model that the subset is compared with from now on.
    """
    now = datetime.datetime.now(datetime.UTC)
    entered = [replace(record, at=record.at or now.isoformat(timespec="microseconds")) for record in records]
    content = {"baseline": baseline, "records": [asdict(record) for record in entered]}
    write_json(folder / f"{now:%Y%m%dT%H%M%S.%f}-{digest(content)}.json", content)
    return entered


def history(folder: Path) -> list[EvaluationRecord]:
    """Return every record that was ever entered, in that order."""
    return [_record(entry) for content in _entries(folder) for entry in content["records"]]


def current(records: Sequence[EvaluationRecord]) -> list[EvaluationRecord]:
    """Return the records without those that a later one with the same key supersedes."""
    newest = {record.key: record for record in records}
    return list(newest.values())


def chosen_baseline(folder: Path) -> str | None:
    """Return the model that the subset is compared with, as it was named last."""
    named = [content["baseline"] for content in _entries(folder) if content["baseline"]]
    return named[-1] if named else None


def _entries(folder: Path) -> list[Mapping[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def _record(entry: Mapping[str, Any]) -> EvaluationRecord:
    known = {field.name for field in fields(EvaluationRecord)}
    return EvaluationRecord(**{name: value for name, value in entry.items() if name in known})
