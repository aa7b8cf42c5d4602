"""Materializing the whole gallery in one process, into the instance that the UI shows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import dagster as dg

from dj_assets import settings
from dj_assets.assets.gallery import gallery_definitions
from dj_assets.assets.instance import project_instance
from dj_assets.assets.keys import SubsetKeys, block_of
from dj_assets.recipe.gallery import Gallery, find_gallery
from dj_assets.recipe.model import Recipe, Reference
from dj_assets.storage.layout import Layout
from dj_assets.storage.manifest import newest_run

# The terminal shows a table at the end; the event log keeps every line.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Materialized:
    """What became of one subset; `error` is empty where all went well, else the counts are 0."""

    name: str
    samples_in: int = 0
    samples_out: int = 0
    retention: float = 0.0
    reference: Reference | None = None
    seconds: float = 0.0
    failed_checks: tuple[str, ...] = ()
    error: str = ""


def materialize_gallery(gallery: Gallery | None = None) -> list[Materialized]:
    """Materialize every subset through the project's `dagster_home`; one that fails does not stop the others."""
    gallery = gallery or find_gallery()
    definitions = gallery_definitions(gallery)
    with project_instance() as instance:
        done = [_materialize(recipe, definitions, instance) for recipe in gallery.recipes.values()]
    return done + [Materialized(file.stem, error=str(error)) for file, error in gallery.broken.items()]


def _materialize(recipe: Recipe, definitions: dg.Definitions, instance: dg.DagsterInstance) -> Materialized:
    """Run the steps and the checks of one subset, as a click on Materialize would."""
    block = block_of(recipe)
    started = time.perf_counter()
    run = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[SubsetKeys.of(recipe).refined],
        raise_on_error=False,
        run_config=_QUIET,
    )
    seconds = time.perf_counter() - started
    manifest = newest_run(Layout.home(settings.data_home() / block.subset))
    if not run.success or manifest is None:
        return Materialized(recipe.name, reference=block.reference, seconds=seconds, error=_what_failed(run))
    return Materialized(
        name=recipe.name,
        samples_in=manifest["samples_in"],
        samples_out=manifest["samples_out"],
        retention=manifest["retention"],
        reference=block.reference,
        seconds=seconds,
        failed_checks=tuple(check.check_name for check in run.get_asset_check_evaluations() if not check.passed),
    )


def _what_failed(run: dg.ExecuteInProcessResult) -> str:
    """Return the sentence of the first step that failed."""
    for event in run.filter_events(lambda event: event.is_step_failure):
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error:
            cause = data.error.cause or data.error
            return cause.message.strip()
    return "the run failed"
