"""Evaluation records: measured or published benchmark results of a subset, stored permanently in its folder."""

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
    """One result of a model in a benchmark.

    Attributes
    ----------
    refined_hash, run_id
        The version of the subset that the model was trained on; None for a published record.
    pool
        The pool of the subset, None for the whole refined subset.
    model
        The unique name of the evaluated model.
    metric
        The name of the number; empty where the benchmark has one number.
    seed
        The seed of the training, where there were several.
    source
        The source of the number: a link, a file.
    command_hash
        The hash of the hook that produced it, where a hook did.
    at
        The time of entry, ISO 8601.
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
        """Return the benchmark with its metric."""
        return f"{self.benchmark} {self.metric}".strip()

    @property
    def key(self) -> tuple[object, ...]:
        """Return the key that a later record must share to supersede this one."""
        return (self.subset, self.refined_hash, self.pool, self.model, self.name, self.seed, self.origin)


def records_folder(subset_folder: Path) -> Path:
    """Return the folder with the records of a subset: one JSON file for each entry, which never changes."""
    return subset_folder / "evaluations"


def append(folder: Path, records: Sequence[EvaluationRecord], baseline: str | None = None) -> list[EvaluationRecord]:
    """Add records and keep the earlier ones. Return the added ones with the time of entry.

    `baseline` names the model that the subset is compared with from now on.
    """
    now = datetime.datetime.now(datetime.UTC)
    entered = [replace(record, at=record.at or now.isoformat(timespec="microseconds")) for record in records]
    content = {"baseline": baseline, "records": [asdict(record) for record in entered]}
    write_json(folder / f"{now:%Y%m%dT%H%M%S.%f}-{digest(content)}.json", content)
    return entered


def history(folder: Path) -> list[EvaluationRecord]:
    """Return every record that was ever entered, in the order of entry."""
    return [_record(entry) for content in _entries(folder) for entry in content["records"]]


def current(records: Sequence[EvaluationRecord]) -> list[EvaluationRecord]:
    """Return the records without those that a later one with the same key supersedes."""
    newest = {record.key: record for record in records}
    return list(newest.values())


def chosen_baseline(folder: Path) -> str | None:
    """Return the model that was named last as the subset's baseline."""
    named = [content["baseline"] for content in _entries(folder) if content["baseline"]]
    return named[-1] if named else None


def _entries(folder: Path) -> list[Mapping[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def _record(entry: Mapping[str, Any]) -> EvaluationRecord:
    known = {field.name for field in fields(EvaluationRecord)}
    return EvaluationRecord(**{name: value for name, value in entry.items() if name in known})
