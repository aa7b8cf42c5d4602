"""The assets of a sharded subset, partitioned by shard.

Any number of runs make the statistics and the refined files, shard by shard; between them, one run of the deduplicate
step finds duplicates over all shards. Every shard gets an event with its own data version, and shards that were
finished before a fault stay reported.
"""
# No postponed annotations here: Dagster reads those of `context`.

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from dj_assets import settings
from dj_assets.assets import lineage, result_metadata, shard_metadata
from dj_assets.assets.asset_keys import SubsetKeys, shard_partitions
from dj_assets.assets.checks import evaluate
from dj_assets.assets.cluster import cluster_keys
from dj_assets.assets.concurrency import pool_of
from dj_assets.assets.description import refined_description, refined_metadata, stage_descriptions
from dj_assets.assets.failures import OneLineError, one_clear_line
from dj_assets.assets.progress_log import ProgressLog, summary
from dj_assets.errors import DjError
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan
from dj_assets.replay.decision import outcome_version
from dj_assets.subset import Options, Subset
from dj_assets.views.release import accompany

# Another run may work on the same shard, or on the files that all shards share.
PATIENCE_S = 3600.0

Events = Iterator[dg.AssetMaterialization]


def open_sharded(recipe: GalleryRecipe) -> Subset:
    """Open a sharded subset for a run; runs wait for each other."""
    return Subset.of_asset(recipe, Options(patience_s=PATIENCE_S, accompany=accompany))


def sharded_assets(recipe: GalleryRecipe, plan: Plan, against: Sequence[dg.AssetDep] = ()) -> list[dg.AssetsDefinition]:
    """Return statistics, duplicates and the refined subset, each partitioned by shard.

    `against` are the refined subsets of its reference set.
    """
    with warnings.catch_warnings():
        # backfill policies are beta; a warning for each asset would hide all other messages
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [_stats(recipe, plan), _duplicates(recipe, plan, against), _refined(recipe, plan)]


def shards_of_a_run() -> dg.BackfillPolicy:
    """Return how a backfill is split: starting a run takes longer than a small shard, and finished shards stay."""
    return dg.BackfillPolicy.multi_run(settings.shards_a_run())


def _stats(recipe: GalleryRecipe, plan: Plan) -> dg.AssetsDefinition:
    keys, tools = SubsetKeys.of(recipe), lineage.tool_keys(recipe, plan)

    @dg.asset(
        key=keys.stats,
        deps=[keys.source, *tools],
        group_name=keys.group,
        kinds={"duckdb", "parquet"},
        description=stage_descriptions(recipe, plan)["stats"],
        metadata={"stats_hash": plan.stats_hash},
        code_version=plan.stats_hash,
        partitions_def=shard_partitions(keys),
        backfill_policy=shards_of_a_run(),
        output_required=False,
        required_resource_keys=cluster_keys(),
        pool=pool_of(plan),
    )
    def stats(context: dg.AssetExecutionContext) -> Events:
        """Measure the shards of this run, one after another."""
        subset = _opened(recipe)

        def measure(shard: str) -> dg.AssetMaterialization:
            """Measure one shard and report its files."""
            result = subset.measure(ProgressLog(context.log), shard)
            context.log.info(f"{shard}: {summary(result)}")
            metadata = shard_metadata.source(subset, shard, result)
            # reported immediately: the statistics are made from these versions of the files, models and word lists
            context.instance.report_runless_asset_event(
                shard_metadata.event(keys.source, shard, result.source_version, metadata)
            )
            for event in shard_metadata.changed(context.instance, lineage.used_tools(recipe, subset)):
                context.instance.report_runless_asset_event(event)
            seen = shard_metadata.pointers(context.instance, [keys.source, *tools])
            metadata = shard_metadata.stats(subset, result)
            return shard_metadata.event(
                keys.stats, shard, result.data_version, metadata, seen=seen, code_version=plan.stats_hash
            )

        yield from _each_shard(context.partition_keys, measure)

    return stats


def _duplicates(recipe: GalleryRecipe, plan: Plan, against: Sequence[dg.AssetDep]) -> dg.AssetsDefinition:
    keys = SubsetKeys.of(recipe)

    @dg.asset(
        key=keys.duplicates,
        deps=[dg.AssetDep(keys.stats, partition_mapping=dg.AllPartitionMapping()), *against],
        group_name=keys.group,
        kinds={"duckdb"},
        description=stage_descriptions(recipe, plan)["duplicates"],
        partitions_def=shard_partitions(keys),
        backfill_policy=dg.BackfillPolicy.single_run(),
        output_required=False,
        required_resource_keys=cluster_keys(),
        automation_condition=when_statistics_are_in(),
    )
    def duplicates(context: dg.AssetExecutionContext) -> Events:
        """Find duplicates over all measured shards; report each of them, whether it was requested or not."""
        upstream = [keys.stats, *(dependency.asset_key for dependency in against)]
        seen = shard_metadata.pointers(context.instance, upstream)
        subset = _opened(recipe)
        with one_clear_line():
            result = subset.deduplicate()
        for problem, names in (("not measured", result.missing), ("removed from the source", result.removed)):
            if names:
                context.log.warning(f"{problem}: {', '.join(names)}")
        known = set(context.instance.get_dynamic_partitions(f"{keys.subset}_shards"))
        for group in subset.groups:
            if group.name in known and group.name not in result.missing:
                outcomes = [result.outcomes[str(file.path)] for file in group.files]
                version = outcome_version(outcomes)
                metadata = shard_metadata.duplicates(subset, result, outcomes)
                yield shard_metadata.event(
                    keys.duplicates, group.name, version, metadata, seen=seen, code_version=context.run.run_id
                )
        # a backfill requests all shards between the first and the last chosen one: those not chosen stay missing
        if set(context.partition_keys) <= set(result.missing):
            asked = ", ".join(sorted(context.partition_keys))
            raise OneLineError(f"not measured yet: {asked}; materialize {recipe.name}_stats first")

    return duplicates


def _refined(recipe: GalleryRecipe, plan: Plan) -> dg.AssetsDefinition:
    keys = SubsetKeys.of(recipe)

    @dg.asset(
        key=keys.refined,
        deps=[keys.stats, keys.duplicates],
        group_name=keys.group,
        kinds={"duckdb", "parquet"},
        description=refined_description(recipe, plan),
        metadata=refined_metadata(recipe, plan),
        tags={"dj/subset": keys.subset},
        code_version=plan.refined_hash,
        partitions_def=shard_partitions(keys),
        backfill_policy=shards_of_a_run(),
        output_required=False,
        required_resource_keys=cluster_keys(),
        automation_condition=when_the_outcome_changed(),
    )
    def refined(context: dg.AssetExecutionContext) -> Events:
        """Write the shards of this run; the last shard of the subset publishes all of them."""
        seen = shard_metadata.pointers(context.instance, [keys.stats, keys.duplicates])
        subset = _opened(recipe)

        def refine(shard: str) -> dg.AssetMaterialization:
            """Write one shard; evaluate the checks where this published the subset."""
            result = subset.refine_shard(shard)
            metadata = shard_metadata.refined(subset, result)
            context.log.info(f"{shard}: {result.samples_out:,} of {result.samples_in:,} kept; {metadata['state']}")
            if result.published and not result.published.reused:
                metadata = {**result_metadata.refined(recipe, subset, result.published, 0), **metadata}
                for event in lineage.kept_calls(recipe, subset, result.published.manifest.calls):
                    context.log_event(event)
                for check in evaluate(recipe, plan):
                    context.log_event(check)
            return shard_metadata.event(
                keys.refined,
                shard,
                result.data_version,
                metadata,
                seen=seen,
                code_version=plan.refined_hash,
                outcome=result.outcome,
            )

        yield from _each_shard(context.partition_keys, refine)

    return refined


def _opened(recipe: GalleryRecipe) -> Subset:
    with one_clear_line():
        return open_sharded(recipe)


def _each_shard(shards: Sequence[str], work: Callable[[str], dg.AssetMaterialization]) -> Events:
    """Work on shards one after another; a failed one does not stop the others, and is named at the end."""
    failed: list[str] = []
    for shard in shards:
        try:
            event = work(shard)
        except DjError as error:
            failed.append(f"{shard}: {error}")
        else:
            yield event
    if failed:
        raise OneLineError(f"{len(failed)} of {len(shards)} shards failed: " + " | ".join(failed))


def when_statistics_are_in() -> dg.AutomationCondition[Any]:
    """Return when to find duplicates again: there are new statistics, and none are missing or in progress."""
    condition = dg.AutomationCondition
    changed = condition.any_deps_match(condition.data_version_changed() | condition.newly_updated())
    return (
        (condition.newly_missing() | changed).since_last_handled()
        & ~condition.any_deps_missing()
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
    ).with_label("when all statistics are in")


def when_the_outcome_changed() -> dg.AutomationCondition[Any]:
    """Return when to refine a shard again: its statistics or its duplicates have another version."""
    condition = dg.AutomationCondition
    return (
        (condition.newly_missing() | condition.any_deps_match(condition.data_version_changed())).since_last_handled()
        & ~condition.any_deps_missing()
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
    ).with_label("when the outcome of the shard changed")
