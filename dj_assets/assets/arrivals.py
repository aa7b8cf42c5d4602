"""The automation of sharded subsets: sensors, conditions and a schedule, which are off until a user starts them.

One sensor per subset finds added, changed and removed files, and requests the statistics of their shards. Declarative
conditions on the duplicates and the refined subset do the steps after it. A nightly schedule requests all that is
still missing.
"""
# No postponed annotations here: Dagster reads those of `context`.

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from dj_assets import settings
from dj_assets.assets.asset_keys import SubsetKeys, shard_partitions
from dj_assets.assets.concurrency import pools_of
from dj_assets.assets.instance import project_instance
from dj_assets.assets.lost_runs import fail_lost_runs
from dj_assets.errors import UserError
from dj_assets.recipe.gallery import find_gallery, required
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset import Subset
from dj_assets.subset.shard_states import ShardState, shard_states

# A file younger than this may still grow; times in the future say nothing.
SETTLED_S = 5.0


@dataclass(frozen=True)
class SourceChanges:
    """The changes in the source of a sharded subset since it was registered.

    `left` are the registered shards that still exist, `wanted` those whose statistics are missing or outdated.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[str, ...]
    wanted: tuple[ShardState, ...]


def find_changes(recipe: GalleryRecipe, instance: dg.DagsterInstance, settled_s: float) -> SourceChanges:
    """Compare the source with the registered partitions and measured files, except files younger than `settled_s`.

    Raises
    ------
    UserError
        If the source or the recipe has a fault.
    """
    states = shard_states(Subset.of_asset(recipe))
    known = instance.get_dynamic_partitions(_name(recipe))
    names = {state.name for state in states}
    settled = [state for state in states if not 0 <= time.time() - state.newest_s < settled_s]
    return SourceChanges(
        added=tuple(state.name for state in settled if state.name not in known),
        removed=tuple(name for name in known if name not in names),
        left=tuple(name for name in known if name in names),
        wanted=tuple(state for state in settled if not state.is_measured),
    )


def register(recipe: GalleryRecipe, instance: dg.DagsterInstance, settled_s: float = 0) -> SourceChanges:
    """Make the shards of the source the partitions of the asset; return the changes."""
    changes = find_changes(recipe, instance, settled_s)
    instance.add_dynamic_partitions(_name(recipe), changes.added)
    for name in changes.removed:
        instance.delete_dynamic_partition(_name(recipe), name)
    return changes


def prepare_instance() -> list[str]:
    """Prepare the project's instance for the UI; return messages for the user.

    The pools of large models get their limits; otherwise Dagster would get them only when it launches the first runs.
    The shards of every sharded subset become its partitions. Runs that were lost in a crash are marked as failed.
    """
    gallery = required(find_gallery())
    recipes = [recipe for recipe in gallery.recipes.values() if recipe.asset.shards is not None]
    messages: list[str] = []
    with project_instance() as instance:
        messages += [f"run {run[:8]}: its process is gone; it is started again" for run in fail_lost_runs(instance)]
        for pool in pools_of(make_plan(recipe) for recipe in recipes):
            instance.event_log_storage.initialize_concurrency_limit_to_default(pool)
        for recipe in recipes:
            try:
                changes = register(recipe, instance)
            except UserError as error:
                messages.append(f"{recipe.name}: {error}")
                continue
            messages.append(f"{recipe.name}: {len(changes.wanted)} shards to measure, {len(changes.removed)} gone")
    return messages


def unattended(recipes: Sequence[GalleryRecipe]) -> dict[str, Any]:
    """Return the sensors and the schedule of sharded subsets as arguments of `Definitions`; empty without recipes."""
    if not recipes:
        return {}
    return {
        "sensors": [*(arrivals_sensor(recipe) for recipe in recipes), automation(recipes)],
        "schedules": [nightly_schedule(recipes)],
    }


def arrivals_sensor(recipe: GalleryRecipe) -> dg.SensorDefinition:
    """Return the sensor of one subset: it registers shards and requests the statistics of new and changed ones."""
    keys = SubsetKeys.of(recipe)

    @dg.sensor(
        name=f"{keys.subset}_arrivals",
        target=dg.AssetSelection.assets(keys.stats, keys.duplicates),
        minimum_interval_seconds=settings.sensor_seconds(),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Finds added, changed and removed files of {keys.subset}. Requests a shard once for each state.",
    )
    def arrivals(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """Compare the source with the registered shards."""
        try:
            changes = find_changes(recipe, context.instance, SETTLED_S)
        except UserError as error:
            return dg.SkipReason(str(error))
        if changes.removed:
            context.log.warning(f"removed from the source: {', '.join(changes.removed)}")
        partitions = shard_partitions(keys)
        requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
        if changes.added:
            requests.append(partitions.build_add_request(list(changes.added)))
        if changes.removed:
            requests.append(partitions.build_delete_request(list(changes.removed)))
        return dg.SensorResult(
            run_requests=[*_requests(keys, changes.wanted), *_without(keys, changes)],
            dynamic_partitions_requests=requests,
            asset_events=list(_reports(keys, changes)),
        )

    return arrivals


def _requests(keys: SubsetKeys, wanted: Iterable[ShardState]) -> Iterator[dg.RunRequest]:
    for state in wanted:
        # the run key requests each state of the files once: a broken shard is not tried again until its files change
        yield dg.RunRequest(f"{state.name}:{state.fingerprint}", partition_key=state.name, asset_selection=[keys.stats])


def _without(keys: SubsetKeys, changes: SourceChanges) -> Iterator[dg.RunRequest]:
    """Request the duplicates again where shards were removed and no new statistics will cause it."""
    if changes.removed and changes.left and not changes.wanted:
        gone = f"without:{','.join(changes.removed)}:{time.time():.0f}"
        yield dg.RunRequest(gone, partition_key=changes.left[0], asset_selection=[keys.duplicates])


def _reports(keys: SubsetKeys, changes: SourceChanges) -> Iterator[dg.AssetObservation]:
    """Report removed shards on the page of the source."""
    for name in changes.removed:
        yield dg.AssetObservation(keys.source, partition=name, description="removed from the source")


def nightly_schedule(recipes: Sequence[GalleryRecipe]) -> dg.ScheduleDefinition:
    """Return the schedule that requests every shard without statistics, in all sharded subsets."""
    targets = [SubsetKeys.of(recipe).stats for recipe in recipes]

    @dg.schedule(
        name="missing_shards_nightly",
        cron_schedule=settings.nightly_cron(),
        target=dg.AssetSelection.assets(*targets),
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Requests every shard that has no statistics, those that failed before included.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Request the missing shards of every subset; a subset with a fault does not stop the others."""
        day = context.scheduled_execution_time.date()
        for recipe in recipes:
            keys = SubsetKeys.of(recipe)
            try:
                changes = register(recipe, context.instance, SETTLED_S)
            except UserError as error:
                yield dg.SkipReason(f"{recipe.name}: {error}")
                continue
            for state in changes.wanted:
                yield dg.RunRequest(f"{day}:{state.name}", partition_key=state.name, asset_selection=[keys.stats])

    return nightly


def automation(recipes: Sequence[GalleryRecipe]) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that updates duplicates and refined shards after new statistics."""
    keys = [SubsetKeys.of(recipe) for recipe in recipes]
    followers = [stage for key in keys for stage in (key.duplicates, key.refined)]
    return dg.AutomationConditionSensorDefinition(
        name="follow_new_statistics",
        target=dg.AssetSelection.assets(*followers),
        minimum_interval_seconds=settings.sensor_seconds(),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Finds duplicates once all statistics are in, then refines the shards whose outcome changed.",
    )


def _name(recipe: GalleryRecipe) -> str:
    return f"{SubsetKeys.of(recipe).subset}_shards"
