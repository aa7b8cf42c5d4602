"""The asset graph of all recipes of the gallery."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from dj_assets.assets.arrivals import unattended
from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.checks import refined_checks
from dj_assets.assets.cluster import cluster_resources
from dj_assets.assets.export import export_asset
from dj_assets.assets.lineage import lineage_specs
from dj_assets.assets.mixes import mix_asset
from dj_assets.assets.refined import refined_asset
from dj_assets.assets.sandbox import sandbox_assets
from dj_assets.assets.sharded import sharded_assets
from dj_assets.assets.specs import broken_specs, origin_specs, stage_specs
from dj_assets.errors import RecipeError
from dj_assets.recipe.gallery import Gallery, find_gallery, refined_references, refined_sources, required
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.subset.context import refuse_unshardable

Asset = dg.AssetsDefinition | dg.AssetSpec


def gallery_definitions(gallery: Gallery | None = None) -> dg.Definitions:
    """Return assets, checks and jobs of every recipe in the recipe folders; a broken recipe is an asset with its fault.

    All steps run in the process of the run: they are short calls, and parallelism is inside a measure and across runs.

    Raises
    ------
    UserError
        If there is no recipe, or no data home.
    """
    gallery = _shardable(required(gallery or find_gallery()))
    whole = [SubsetKeys.of(recipe) for recipe in gallery.recipes.values() if not is_sharded(recipe)]
    return dg.Definitions(**_definitions(gallery), jobs=list(group_jobs(whole)), executor=dg.in_process_executor)


def hosted_definitions(
    gallery: Gallery, *, prefix: Sequence[str] = (), group: str | None = None, blocking_checks: bool = False
) -> dg.Definitions:
    """Return assets and checks for a project that has its own executor and jobs.

    `prefix` is that of recipes that do not load; the others have theirs in the `asset:` block. `group` is that of all
    assets in the UI.
    """
    parts = _definitions(_shardable(required(gallery)), prefix=prefix, blocking_checks=blocking_checks)
    if group is not None:
        parts["assets"] = dg.map_asset_specs(lambda spec: spec.replace_attributes(group_name=group), parts["assets"])
    return dg.Definitions(**parts)


def _definitions(gallery: Gallery, *, prefix: Sequence[str] = (), blocking_checks: bool = False) -> dict[str, Any]:
    """Return assets, checks, resources, sensors and schedules as arguments of `Definitions`."""
    recipes = [(recipe, make_plan(recipe)) for recipe in gallery.recipes.values()]
    keys = [SubsetKeys.of(recipe) for recipe, _ in recipes]
    return {
        "assets": [
            *(asset for recipe, plan in recipes for asset in _of_recipe(recipe, plan, gallery)),
            *origin_specs([recipe for recipe, _ in recipes]),
            *lineage_specs(recipes),
            *(mix_asset(mix, gallery.recipes) for mix in gallery.mixes.values()),
            *broken_specs(gallery.broken, {key.refined for key in keys}, prefix),
        ],
        "asset_checks": [refined_checks(recipe, plan, blocking=blocking_checks) for recipe, plan in recipes],
        "resources": cluster_resources(),
        **unattended([recipe for recipe, _ in recipes if is_sharded(recipe)]),
    }


def _of_recipe(recipe: GalleryRecipe, plan: Plan, gallery: Gallery) -> Sequence[Asset]:
    """Return all assets of one recipe, with the owners, tags and freshness policy of its `asset:` block."""
    made_of = _upstream(recipe, refined_sources(recipe), gallery)
    against = _upstream(recipe, refined_references(recipe), gallery)
    refined = (
        sharded_assets(recipe, plan, against)
        if is_sharded(recipe)
        else [refined_asset(recipe, plan, _keys([*made_of, *against]))]
    )
    policy = _freshness(recipe)
    if policy is not None:
        key = SubsetKeys.of(recipe).refined
        refined = [
            *dg.map_asset_specs(
                lambda spec: spec.replace_attributes(freshness_policy=policy) if spec.key == key else spec, refined
            )
        ]
    stages = stage_specs(recipe, plan, made_of, against)
    assets: list[Asset] = [*refined, *stages, export_asset(recipe), *sandbox_assets(recipe)]
    owners, tags = recipe.asset.owners, recipe.asset.tags
    if not owners and not tags:
        return assets
    return dg.map_asset_specs(lambda spec: spec.merge_attributes(owners=owners, tags=tags), assets)


def _freshness(recipe: GalleryRecipe) -> dg.FreshnessPolicy | None:
    hours = recipe.asset.freshness
    if hours is None:
        return None
    warn = None if hours.warn_hours is None else timedelta(hours=hours.warn_hours)
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours.fail_hours), warn_window=warn)


def is_sharded(recipe: GalleryRecipe) -> bool:
    """Return whether the asset of a recipe is partitioned by shards."""
    return recipe.asset.shards is not None


def _shardable(gallery: Gallery) -> Gallery:
    """Return the gallery in which recipes that have a `shards` block but cannot be sharded are broken."""
    broken: dict[Path, RecipeError] = {}
    for recipe in gallery.recipes.values():
        try:
            if is_sharded(recipe):
                refuse_unshardable(make_plan(recipe))
        except RecipeError as error:
            broken[Path(recipe.file)] = error
    recipes = {name: recipe for name, recipe in gallery.recipes.items() if Path(recipe.file) not in broken}
    return replace(gallery, recipes=recipes, broken=gallery.broken | broken)


def _upstream(recipe: GalleryRecipe, names: Iterable[str], gallery: Gallery) -> list[dg.AssetDep]:
    """Return refined subsets as dependencies of another's stage: on all of their shards, where both have shards."""
    upstream = [gallery.recipes[name] for name in names if name in gallery.recipes]
    return [
        dg.AssetDep(
            SubsetKeys.of(other).refined,
            partition_mapping=dg.AllPartitionMapping() if is_sharded(other) and is_sharded(recipe) else None,
        )
        for other in upstream
    ]


def _keys(dependencies: Iterable[dg.AssetDep]) -> list[dg.AssetKey]:
    return [dependency.asset_key for dependency in dependencies]


def group_jobs(keys: Iterable[SubsetKeys]) -> Iterable[dg.UnresolvedAssetJobDefinition]:
    """Return one job per group: it refines every subset of the group; a failure does not stop the others."""
    groups: dict[str, list[dg.AssetKey]] = {}
    for key in keys:
        groups.setdefault(key.group, []).append(key.refined)
    for group, refined in sorted(groups.items()):
        yield dg.define_asset_job(
            f"{group}_job",
            selection=dg.AssetSelection.assets(*refined),
            description=f"Refine all {len(refined)} subsets of {group}.",
        )
