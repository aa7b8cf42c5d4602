"""All evaluations of a subset: its stored records and the published ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.evaluation.comparison import Comparison, compare
from dj_assets.evaluation.evaluation_records import (
    EvaluationRecord,
    append,
    chosen_baseline,
    current,
    history,
    records_folder,
)
from dj_assets.evaluation.read_file import EvaluationResults, ScoreTable
from dj_assets.home.home import home_layout, require_local
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run


@dataclass(frozen=True)
class Evaluations:
    """The records of a subset without superseded ones, its baseline, and its current version (None: no run)."""

    subset: str
    records: tuple[EvaluationRecord, ...]
    baseline: str | None
    refined_hash: str | None

    def comparisons(self, baseline: str | None = None) -> list[Comparison]:
        """Compare the models trained on the whole subset with the baseline, or with another model.

        Raises
        ------
        UserError
            If there is no baseline, or it has no record.
        """
        models = sorted({record.model for record in self.records if record.pool is None})
        name = baseline or self.baseline
        if name is None or name not in models:
            problem = f"has no record of {name!r}" if name else "has no baseline"
            known = f"; name one of {', '.join(models)}" if models else "; enter results with 'dj-assets eval add'"
            raise UserError(f"{self.subset}: {problem}{known}")
        return compare(self.records, name, self.refined_hash)


def evaluations_of(subset: str) -> Evaluations:
    """Return the evaluations of a gallery subset; they are empty where none was entered or published."""
    layout = home_layout(subset)
    folder, run = layout.published, newest_run(layout)
    published = _published().get(subset)
    shipped = published.records(subset) if published else []
    kept = current([*shipped, *history(records_folder(folder))])
    baseline = chosen_baseline(records_folder(folder)) or (published.baseline if published else None)
    return Evaluations(subset, tuple(kept), baseline, run.refined_hash if run else None)


def add_results(subset: str, results: EvaluationResults, source: str) -> list[EvaluationRecord]:
    """Enter results as records of a subset; measured ones belong to its newest run.

    `source` is stored where the results do not name one.

    Raises
    ------
    UserError
        If there is no finished run that measured results can belong to.
    """
    require_local(subset, "entering evaluations")
    folder = settings.data_home() / subset
    run = newest_run(Layout.home(folder))
    measured = any(record.origin == "measured" for record in results.records)
    if run is None and measured:
        raise UserError(f"{folder}: holds no finished run that the results could belong to; materialize {subset} first")
    entered = [replace(record, source=record.source or source) for record in results.records]
    if run is not None:
        entered = [
            replace(record, refined_hash=run.refined_hash, run_id=run.run_id) if record.origin == "measured" else record
            for record in entered
        ]
    return append(records_folder(folder), entered, results.baseline)


@cache
def _published() -> dict[str, ScoreTable]:
    """Return the tables that the gallery published, by subset."""
    text = resources.files("dj_assets.evaluation").joinpath("published.json").read_text("utf-8")
    tables = (ScoreTable.model_validate(table) for table in json.loads(text))
    return {table.subset: table for table in tables}


def published_subsets() -> tuple[str, ...]:
    """Return the subsets with published tables."""
    return tuple(_published())
