"""All recipes of the gallery as one asset graph."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from dj_assets.assets.checks import refined_checks
from dj_assets.assets.export import export_asset
from dj_assets.assets.keys import SubsetKeys
from dj_assets.assets.refined import refined_asset
from dj_assets.assets.sandbox import sandbox_assets
from dj_assets.assets.specs import broken_specs, stage_specs
from dj_assets.recipe.gallery import Gallery, find_gallery, refined_references, refined_sources
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import make_plan


def gallery_definitions(gallery: Gallery | None = None) -> dg.Definitions:
    """Return assets, checks and jobs of every recipe in the recipe folders; broken recipes are assets that say so.

    Everything runs in the process of the run: steps are short calls, parallelism is inside a measure and across runs.
    """
    gallery = gallery or find_gallery()
    plans = {recipe.file: make_plan(recipe) for recipe in gallery.recipes.values()}
    recipes = [(recipe, plans[recipe.file]) for recipe in gallery.recipes.values()]
    keys = [SubsetKeys.of(recipe) for recipe, _ in recipes]

    def made_of(recipe: Recipe) -> list[dg.AssetKey]:
        return _refined(refined_sources(recipe), gallery)

    def against(recipe: Recipe) -> list[dg.AssetKey]:
        return _refined(refined_references(recipe), gallery)

    return dg.Definitions(
        assets=[
            *(refined_asset(recipe, plan, [*made_of(recipe), *against(recipe)]) for recipe, plan in recipes),
            *(spec for recipe, plan in recipes for spec in stage_specs(recipe, plan, made_of(recipe), against(recipe))),
            *(export_asset(recipe) for recipe, _ in recipes),
            *(asset for recipe, _ in recipes for asset in sandbox_assets(recipe)),
            *broken_specs(gallery.broken, {key.refined for key in keys}),
        ],
        asset_checks=[refined_checks(recipe, plan) for recipe, plan in recipes],
        jobs=list(group_jobs(keys)),
        executor=dg.in_process_executor,
    )


def _refined(names: Iterable[str], gallery: Gallery) -> list[dg.AssetKey]:
    return [SubsetKeys.of(gallery.recipes[name]).refined for name in names]


def group_jobs(keys: Iterable[SubsetKeys]) -> Iterable[dg.UnresolvedAssetJobDefinition]:
    """Return one job a group: it refines every subset of the group, each going on where another fails."""
    groups: dict[str, list[dg.AssetKey]] = {}
    for key in keys:
        groups.setdefault(key.group, []).append(key.refined)
    for group, refined in sorted(groups.items()):
        yield dg.define_asset_job(
            f"{group}_job",
            selection=dg.AssetSelection.assets(*refined),
            description=f"Refine all {len(refined)} subsets of {group}.",
        )
