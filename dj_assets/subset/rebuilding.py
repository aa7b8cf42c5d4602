"""The database of a subset made anew from its Parquet files and manifests; nothing is measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dj_assets import settings
from dj_assets.errors import RecipeError
from dj_assets.home.damage import Sum
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import write_document
from dj_assets.home.writing import replace_atomically
from dj_assets.publish.database import add_run
from dj_assets.publish.release import Release
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.replay.fates import fates
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.measured_run import MeasuredRun


@dataclass(frozen=True)
class Rebuilt:
    """A database that was made anew: where, of which run, with how many samples measured."""

    database: Path
    run_id: str
    samples: int
    seconds: float


def rebuild(layout: Layout, manifest: Mapping[str, Any]) -> Rebuilt:
    """Make `stats.duckdb` of the newest run anew: its recipe is replayed over what was measured.

    Raises
    ------
    UserError
        If a measured file is missing, damaged, or was measured anew since that run: then the subset must be run again.
    """
    started = time.perf_counter()
    with whole_subset(layout):
        plan = plan_of(manifest)
        run = MeasuredRun.open(layout.published, plan, settings.default_workers())
        population, outcome = run.replayed(plan)
        manifests, reference = run.manifests, run.reference
        release = Release(plan, layout, manifests, fates(population, outcome), reference)
        with replace_atomically(layout.database) as temporary:
            release.build(temporary, run.threads)
            # the record in the database never knew what it became
            late = ("database_bytes", "database_crc32", "files", "record")
            known = {key: value for key, value in manifest.items() if key not in late}
            add_run(temporary, manifest["funnel"], known)
            size, crc32 = Sum.of(temporary)
        became = {"database_bytes": size, "database_crc32": crc32}
        write_run(layout, {**manifest, **became})
    seconds = time.perf_counter() - started
    return Rebuilt(layout.database, manifest["run_id"], len(population), seconds)


def write_run(layout: Layout, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a run in place of the one before, and its copy in an output folder."""
    write_document(layout.runs / f"{manifest['run_id']}.json", manifest)
    if layout.work != layout.published:
        write_document(layout.published / "run.json", manifest)


def plan_of(manifest: Mapping[str, Any]) -> Plan:
    """Return the plan of a run: that of its recipe's file where it is still the same, else of the record."""
    file = Path(manifest["recipe"])
    if file.is_file():
        try:
            plan = make_plan(load_recipe(file))
        except RecipeError:
            plan = None
        if plan is not None and plan.stats_hash == manifest["stats_hash"]:
            same = [{step.operator.name: step.operator.parameters()} for step in plan.steps]
            if same == manifest["process"]:
                return plan
    names = ("process", "text_keys", "custom_operator_paths")
    return make_plan(load_recipe({name: manifest[name] for name in names if manifest.get(name)}))
