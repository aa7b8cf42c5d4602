"""The demo: it materializes the whole gallery in one process, in the instance that the UI shows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import dagster as dg

from dj_assets.assets import demo_human, demo_synthesis
from dj_assets.assets.asset_graph import gallery_definitions, is_sharded
from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.in_process import materialize, what_failed
from dj_assets.assets.instance import project_instance
from dj_assets.home.home import home_layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.gallery import Gallery, find_gallery
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset import RunResult
from dj_assets.views.run_table import GalleryRow, gallery_table


@dataclass(frozen=True)
class Materialized:
    """The outcome of one subset: its row in the table, or the error that ended it."""

    name: str
    row: GalleryRow | None = None
    failed_checks: tuple[str, ...] = ()
    error: str = ""


def materialize_gallery(
    gallery: Gallery | None = None,
    *,
    vision: bool = False,
    synthesis: bool = False,
    human: bool = False,
    only: Sequence[GalleryRecipe] = (),
) -> list[Materialized]:
    """Materialize the subsets of text, or those with images and clips, in the project's `dagster_home`.

    With `synthesis`, materialize those that models write or paint, with `human` those about people in clips, both with
    tiny random models. With `only`, materialize just these, in the order of the gallery. A subset that fails does not
    stop the others.
    """
    gallery = gallery or find_gallery()
    if synthesis:
        gallery = demo_synthesis.for_demo(gallery)
    if human:
        gallery = demo_human.for_demo(gallery)
    names = {recipe.name for recipe in only}
    recipes = [recipe for recipe in gallery.recipes.values() if not is_sharded(recipe)]
    chosen = [
        recipe
        for recipe in recipes
        if (recipe.name in names if names else _is_shown(recipe, vision=vision, synthesis=synthesis, human=human))
    ]
    definitions = gallery_definitions(gallery)
    with project_instance() as instance:
        done = [_materialize(recipe, definitions, instance) for recipe in chosen]
    broken = [] if names else gallery.broken.items()
    return done + [Materialized(file.stem, error=str(error)) for file, error in broken]


def _is_shown(recipe: GalleryRecipe, *, vision: bool, synthesis: bool, human: bool) -> bool:
    """Return whether a demo shows a subset where none is named."""
    if demo_synthesis.OVERRIDE.concerns(recipe):
        return synthesis
    if demo_human.OVERRIDE.concerns(recipe):
        return human
    if synthesis or human:
        return False
    return bool(make_plan(recipe).media) == vision


def _materialize(recipe: GalleryRecipe, definitions: dg.Definitions, instance: dg.DagsterInstance) -> Materialized:
    block = recipe.asset
    started = time.perf_counter()
    run = materialize(definitions, instance, SubsetKeys.of(recipe).refined)
    seconds = time.perf_counter() - started
    layout = home_layout(block.subset)
    manifest = newest_run(layout)
    if not run.success or manifest is None:
        return Materialized(recipe.name, error=what_failed(run))
    (row,) = gallery_table([(recipe, RunResult.of_manifest(manifest, layout, reused=False))])
    return Materialized(
        name=recipe.name,
        row=replace(row, seconds=round(seconds, 1)),
        failed_checks=tuple(check.check_name for check in run.get_asset_check_evaluations() if not check.passed),
    )
