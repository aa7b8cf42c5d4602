"""The refined subset as a graph-backed asset of three named steps, which pass only their order and no data.

The steps report on the assets before the refined one. Dagster reads the versions of a step's inputs when the step
starts, so an earlier step than the one that depends on a stage must report it. Otherwise the refined asset would be
stale right after its first run.
"""
# No postponed annotations here: Dagster reads those of `context`.

from collections.abc import Callable, Sequence

import dagster as dg

from dj_assets.assets import lineage, result_metadata, stage_metadata
from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.cluster import cluster_keys
from dj_assets.assets.concurrency import pool_of
from dj_assets.assets.description import refined_description, refined_metadata
from dj_assets.assets.failures import one_clear_line
from dj_assets.assets.progress_log import ProgressLog, summary
from dj_assets.publish.open_lineage import LineageRun
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan
from dj_assets.subset import Options, Subset
from dj_assets.views.release import accompany


def refined_asset(recipe: GalleryRecipe, plan: Plan, sources: Sequence[dg.AssetKey] = ()) -> dg.AssetsDefinition:
    """Return the asset `<group>/<subset>`: measure, deduplicate, refine.

    `sources` are the refined subsets that it is made of or deduplicated against.
    """
    keys = SubsetKeys.of(recipe)
    # The source is upstream of the statistics, and the later steps read the data of these. A refined subset as source
    # is an input here, too, because only a direct upstream makes the asset stale.
    stages = {"stats": keys.stats, "duplicates": keys.duplicates}
    upstream = {f"source_{key.path[-1]}": key for key in sources}
    measure, deduplicate, refine = _measure(recipe, plan, tuple(upstream)), _deduplicate(recipe), _refine(recipe)

    @dg.graph_asset(
        name=keys.subset,
        key_prefix=[*keys.prefix, keys.group],
        group_name=keys.group,
        description=refined_description(recipe, plan),
        ins={name: dg.AssetIn(key, dagster_type=dg.Nothing) for name, key in {**stages, **upstream}.items()},
        kinds={"duckdb", "parquet"},
        tags={"dj/subset": keys.subset},
        metadata=refined_metadata(recipe, plan),
        code_version=plan.refined_hash,
    )
    def subset(stats: object, duplicates: object, **upstream_subsets: object) -> object:
        """Compose the three steps; the parameters are the assets that they wait for."""
        measured = measure(**upstream_subsets)
        return refine(deduplicated=deduplicate(measured=measured, stats=stats), duplicates=duplicates)

    return subset


def _step(
    keys: SubsetKeys, name: str, before: Sequence[str], pool: str | None = None
) -> Callable[[Callable[[dg.OpExecutionContext], None]], dg.OpDefinition]:
    """Return the decorator of one step of a subset: it runs after the steps in `before`, and passes no data."""
    return dg.op(
        name=f"{keys.subset}_{name}",
        ins={step: dg.In(dg.Nothing) for step in before},
        out=dg.Out(dg.Nothing),
        pool=pool,
        required_resource_keys=cluster_keys(),
    )


def _measure(recipe: GalleryRecipe, plan: Plan, upstream: Sequence[str]) -> dg.PendingNodeInvocation[dg.OpDefinition]:
    keys = SubsetKeys.of(recipe)

    @_step(keys, "measure", upstream, pool_of(plan))
    def measure(context: dg.OpExecutionContext) -> None:
        """Run mappers, statistics and signatures over every sample in one pass."""
        for notice in plan.notices():
            context.log.info(notice)
        events = LineageRun(keys.refined.to_user_string(), context.run_id)
        events.start()
        with one_clear_line(), events.failures():
            subset = Subset.of_asset(recipe)
            result = subset.measure(ProgressLog(context.log))
            used = (*lineage.used_tools(recipe, subset), *lineage.kept_calls(recipe, subset, result.calls))
        context.log.info(summary(result))
        for event in (*used, *stage_metadata.measured(recipe, subset, result)):
            context.log_event(event)

    return measure.alias("measure")


def _deduplicate(recipe: GalleryRecipe) -> dg.PendingNodeInvocation[dg.OpDefinition]:
    keys = SubsetKeys.of(recipe)

    @_step(keys, "deduplicate", ("measured", "stats"))
    def deduplicate(context: dg.OpExecutionContext) -> None:
        """Find near pairs among the signatures and join them into clusters."""
        events = LineageRun(keys.refined.to_user_string(), context.run_id)
        with one_clear_line(), events.failures():
            subset = Subset.of_asset(recipe)
            result = subset.deduplicate()
        context.log_event(stage_metadata.deduplicated(keys, subset, result))

    return deduplicate.alias("deduplicate")


def _refine(recipe: GalleryRecipe) -> dg.PendingNodeInvocation[dg.OpDefinition]:
    keys = SubsetKeys.of(recipe)

    @_step(keys, "refine", ("deduplicated", "duplicates"))
    def refine(context: dg.OpExecutionContext) -> None:
        """Replay the recipe over the statistics and publish the kept samples."""
        events = LineageRun(keys.refined.to_user_string(), context.run_id)
        with one_clear_line(), events.failures():
            subset = Subset.of_asset(recipe, Options(accompany=accompany))
            result = subset.refine()
        events.complete(result.manifest, subset.layout.location)
        earlier = stage_metadata.reported_seconds(context.instance, (keys.stats, keys.duplicates))
        context.add_output_metadata(result_metadata.refined(recipe, subset, result, earlier))
        context.set_data_version(keys.refined, dg.DataVersion(result.data_version))
        for event in (*lineage.used_reference(recipe, result.manifest), *lineage.known_evaluations(recipe, subset)):
            context.log_event(event)

    return refine.alias("refine")
