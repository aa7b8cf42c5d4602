"""Rebuild the database of a subset from its Parquet files and manifests; nothing is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from dj_assets import settings
from dj_assets.errors import RecipeError
from dj_assets.home.damage import Sum
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest, content_in_database, copy_manifest, record_database
from dj_assets.home.writing import replace_atomically
from dj_assets.publish.database import add_run, new_database
from dj_assets.publish.release import Release
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.replay.result import outcome_table
from dj_assets.subset.finished import plan_of_run
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.measured_run import MeasuredRun


@dataclass(frozen=True)
class Rebuilt:
    """Hold a database that was rebuilt: its path, its run, and the number of measured samples."""

    database: Path
    run_id: str
    samples: int
    seconds: float


def rebuild(layout: Layout, manifest: RunManifest) -> Rebuilt:
    """Rebuild `stats.duckdb` of the newest run: its recipe is replayed over the measured files.

    Raises
    ------
    UserError
        If a measured file is missing, damaged, or was measured again since that run: the subset must be run again.
    """
    started = time.perf_counter()
    with whole_subset(layout):
        plan = plan_of(manifest)
        stored = layout.runs / f"{manifest.run_id}.json"
        run = MeasuredRun.open(layout.published, plan, settings.default_workers())
        population, outcome = run.replayed(plan)
        manifests, reference = run.manifests, run.reference
        release = Release(plan, layout, manifests, outcome_table(population, outcome), reference)
        with replace_atomically(layout.database) as temporary:
            with new_database(temporary, run.threads) as connection:
                release.build(connection)
                # the record in the database never knew what it became
                add_run(connection, manifest, content_in_database(stored))
            written = Sum.of(temporary)
        record_database(stored, written)
        copy_to_output(layout, manifest.run_id)
    seconds = time.perf_counter() - started
    return Rebuilt(layout.database, manifest.run_id, len(population), seconds)


def copy_to_output(layout: Layout, run_id: str) -> None:
    """Write the stored manifest of the newest run to `run.json` of an output folder again."""
    if layout.work != layout.published:
        copy_manifest(layout.runs / f"{run_id}.json", layout.published / "run.json")


def plan_of(manifest: RunManifest) -> Plan:
    """Return the plan of a run: that of its recipe's file where it is still the same, else of the record."""
    file = Path(manifest.recipe)
    if file.is_file():
        try:
            plan = make_plan(load_recipe(file))
        except RecipeError:
            plan = None
        if plan is not None and plan.stats_hash == manifest.stats_hash:
            same = [{step.operator.name: step.operator.parameters()} for step in plan.steps]
            if same == list(manifest.process):
                return plan
    return plan_of_run(manifest)
