"""Assets that cannot be materialized: the stages that the steps of a subset report, and recipes that do not load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from dj_assets.assets.asset_keys import SubsetKeys, shard_partitions
from dj_assets.assets.description import recipe_metadata, stage_descriptions
from dj_assets.assets.labels import dg_name
from dj_assets.assets.lineage import reference_key, tool_keys
from dj_assets.errors import RecipeError
from dj_assets.recipe.gallery import sources_of
from dj_assets.recipe.model import GalleryRecipe, Source
from dj_assets.recipe.plan import Plan


def stage_specs(
    recipe: GalleryRecipe, plan: Plan, sources: Sequence[dg.AssetDep] = (), against: Sequence[dg.AssetDep] = ()
) -> list[dg.AssetSpec]:
    """Return source, stats and duplicates of a subset; they are never stale by themselves.

    For a sharded subset only the source is returned, since the others are materializable assets (`assets.sharded`).
    `sources` are the refined subsets that its source consists of, `against` those that it is deduplicated against.
    """
    keys = SubsetKeys.of(recipe)
    about, reference = stage_descriptions(recipe, plan), reference_key(recipe)
    source = dg.AssetSpec(
        keys.source,
        deps=[*sources, *origins_of(recipe)],
        group_name=keys.group,
        kinds={"file"},
        description=about["source"],
    )
    if recipe.asset.shards is not None:
        return [source.replace_attributes(partitions_def=shard_partitions(keys))]
    return [
        source,
        dg.AssetSpec(
            keys.stats,
            deps=[keys.source, *tool_keys(recipe, plan), *([keys.generations] if plan.asks_models else [])],
            group_name=keys.group,
            kinds={"duckdb", "parquet"},
            description=about["stats"],
            code_version=plan.stats_hash,
            metadata={"stats_hash": plan.stats_hash},
        ),
        dg.AssetSpec(
            keys.duplicates,
            deps=[keys.stats, *against, *([reference] if reference else [])],
            group_name=keys.group,
            kinds={"duckdb"},
            description=about["duplicates"],
        ),
    ]


def origin_specs(recipes: Sequence[GalleryRecipe]) -> list[dg.AssetSpec]:
    """Return one asset for every named raw source of subsets with several; subsets of a group may share a source."""
    origins: dict[dg.AssetKey, list[str]] = {}
    groups: dict[dg.AssetKey, str] = {}
    for recipe in recipes:
        for key, source in origins_of(recipe).items():
            groups[key] = SubsetKeys.of(recipe).group
            origins.setdefault(key, []).append(f"{SubsetKeys.of(recipe).subset} ({', '.join(source.paths)})")
    return [
        dg.AssetSpec(
            key,
            group_name=groups[key],
            kinds={"file"},
            description=f"The raw files of {key.path[-1]}, a source of {'; '.join(subsets)}.",
        )
        for key, subsets in origins.items()
    ]


def origins_of(recipe: GalleryRecipe) -> dict[dg.AssetKey, Source]:
    """Return the named raw sources of a subset that has several, by their keys."""
    try:
        sources = sources_of(recipe)
    except RecipeError:
        return {}
    keys = SubsetKeys.of(recipe)
    keys_of_subset = {keys.refined, keys.source, keys.stats, keys.duplicates}
    named = {keys.origin(source.name): source for source in sources if source.name and source.paths and sources[1:]}
    return {key: source for key, source in named.items() if key not in keys_of_subset}


def broken_specs(
    broken: dict[Path, RecipeError], taken: set[dg.AssetKey], prefix: Sequence[str] = ()
) -> list[dg.AssetSpec]:
    """Return one asset with the fault for every recipe file that does not load, at the key of its subset."""
    return [_broken_spec(file, error, taken, prefix) for file, error in broken.items()]


def _broken_spec(file: Path, error: RecipeError, taken: set[dg.AssetKey], prefix: Sequence[str]) -> dg.AssetSpec:
    group, name = dg_name(file.parent.name), dg_name(file.stem)
    key = dg.AssetKey([*prefix, group, name])
    while key in taken:
        name += "_broken"
        key = dg.AssetKey([*prefix, group, name])
    taken.add(key)
    return dg.AssetSpec(
        key,
        group_name=group,
        kinds={"error"},
        description=f"Does not load: {replace(error, file=file.name)}",
        metadata={"file": dg.MetadataValue.path(file), **(recipe_metadata(file) if file.is_file() else {})},
    )
