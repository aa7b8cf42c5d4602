"""The reader of result files: a table of models by benchmark in JSON, or one number per row in CSV."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dj_assets.errors import UserError
from dj_assets.evaluation.evaluation_records import EvaluationRecord
from dj_assets.operators.registry import nearest


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Benchmark(_Strict):
    """The unit and direction of a benchmark's number, where they differ from the rest of the table."""

    unit: str | None = None
    higher_is_better: bool | None = None


class ScoreTable(_Strict):
    """A table of scores of models by benchmark, as in papers.

    `baseline` is the model that the others are compared with; `benchmarks` describes those whose unit or direction
    differs from `unit` and `higher_is_better`.
    """

    subset: str = ""
    baseline: str | None = None
    origin: Literal["measured", "published"] = "measured"
    source: str = ""
    unit: str = ""
    higher_is_better: bool = True
    benchmarks: dict[str, Benchmark] = Field(default_factory=dict)
    models: dict[str, dict[str, float]] = Field(min_length=1)

    def records(self, subset: str) -> list[EvaluationRecord]:
        """Return a record for each score."""
        return [
            self._record(subset, model, benchmark, value)
            for model, scores in self.models.items()
            for benchmark, value in scores.items()
        ]

    def _record(self, subset: str, model: str, benchmark: str, value: float) -> EvaluationRecord:
        about = self.benchmarks.get(benchmark, Benchmark())
        higher = self.higher_is_better if about.higher_is_better is None else about.higher_is_better
        unit = self.unit if about.unit is None else about.unit
        return EvaluationRecord(
            subset, model, benchmark, value, unit=unit, higher_is_better=higher, origin=self.origin, source=self.source
        )


@dataclass(frozen=True)
class EvaluationResults:
    """The content of a file: records of a subset, and the baseline that it names."""

    subset: str
    records: tuple[EvaluationRecord, ...]
    baseline: str | None


_COLUMNS = ("model", "benchmark", "value", "metric", "unit", "higher_is_better", "seed", "source", "origin", "pool")
_UNSAID = "does not name its subset; name it with --subset"
_REQUIRED = ("model", "benchmark", "value")
_FLAGS = {"true": True, "yes": True, "1": True, "": True, "false": False, "no": False, "0": False}


def read_results(path: Path, subset: str | None = None) -> EvaluationResults:
    """Read a file of results; `subset` is required where the file does not name it.

    Raises
    ------
    UserError
        If the file has a fault; the message names the file, the line or key, and the fault.
    """
    if path.suffix not in {".json", ".csv"}:
        raise UserError(f"{path}: results are read from .json or .csv")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    results = _from_csv(path, text, subset) if path.suffix == ".csv" else _from_json(path, text, subset)
    for record in results.records:
        if not math.isfinite(record.value):
            raise UserError(f"{path}: {record.model}: {record.name} is {record.value}, which is no result")
    return results


def _from_json(path: Path, text: str, subset: str | None) -> EvaluationResults:
    try:
        table = ScoreTable.model_validate(json.loads(text))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        # report a misspelt key before the key that is then missing
        first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
        key = ".".join(str(part) for part in first["loc"])
        problem = first["msg"]
        if first["type"] == "extra_forbidden":
            near = nearest(key, sorted(ScoreTable.model_fields))
            problem = "unknown key" + (f"; did you mean {near!r}?" if near else "")
        raise UserError(f"{path}: {key}: {problem}") from None
    except ValueError as error:
        raise UserError(f"{path}: is no JSON: {error}") from None
    about = table.subset or subset
    if about is None or subset not in {None, about}:
        raise UserError(f"{path}: " + (f"is about {about!r}, not {subset!r}" if about else _UNSAID))
    return EvaluationResults(about, tuple(table.records(about)), table.baseline)


def _from_csv(path: Path, text: str, subset: str | None) -> EvaluationResults:
    if subset is None:
        raise UserError(f"{path}: {_UNSAID}")
    reader = csv.DictReader(text.splitlines())
    given = tuple(reader.fieldnames or ())
    for name in _REQUIRED:
        if name not in given:
            raise UserError(f"{path}: line 1: has no column {name!r}; columns are {', '.join(_COLUMNS)}")
    for name in given:
        if name not in _COLUMNS:
            near = nearest(name, list(_COLUMNS))
            raise UserError(f"{path}: line 1: unknown column {name!r}" + (f"; did you mean {near!r}?" if near else ""))
    return EvaluationResults(subset, tuple(_row(path, reader.line_num, row, subset) for row in reader), None)


def _row(path: Path, line: int, row: Mapping[str, Any], subset: str) -> EvaluationRecord:
    cells = {name: (value or "").strip() for name, value in row.items() if name in _COLUMNS}
    flag = cells.pop("higher_is_better", "").lower()
    origin = cells.pop("origin", "") or "measured"
    if flag not in _FLAGS or origin not in {"measured", "published"}:
        what = f"higher_is_better is {flag!r}" if flag not in _FLAGS else f"origin is {origin!r}"
        raise UserError(f"{path}: line {line}: {what}; it is true or false, measured or published")
    seed, pool = cells.pop("seed", ""), cells.pop("pool", "")
    try:
        value = float(cells.pop("value"))
        number = int(seed) if seed else None
    except ValueError as error:
        raise UserError(f"{path}: line {line}: {error}") from None
    return EvaluationRecord(
        subset=subset,
        value=value,
        seed=number,
        pool=pool or None,
        higher_is_better=_FLAGS[flag],
        origin="published" if origin == "published" else "measured",
        **cells,
    )
