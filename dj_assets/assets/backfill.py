"""The command `dj-assets backfill`: it brings a sharded subset up to date through the project's instance.

It runs in this process and needs no server. Runs are recorded in the instance that the UI shows, and finished shards
count even when a later one fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg

from dj_assets.assets.arrivals import register
from dj_assets.assets.asset_graph import gallery_definitions, is_sharded
from dj_assets.assets.asset_keys import SubsetKeys, shard_partitions
from dj_assets.assets.in_process import materialize, what_failed
from dj_assets.assets.instance import project_instance
from dj_assets.assets.shard_metadata import OUTCOME_TAG
from dj_assets.errors import UserError
from dj_assets.recipe.gallery import find_gallery
from dj_assets.recipe.model import GalleryRecipe


@dataclass
class Backfilled:
    """The result of a backfill: shards measured and refined, and the message of every shard that failed."""

    registered: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    refined: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    deduplicating_failed: str = ""

    @property
    def problems(self) -> bool:
        """Return whether a shard failed."""
        return bool(self.failed or self.deduplicating_failed)

    def __str__(self) -> str:
        counts = {
            "new": self.registered,
            "gone": self.removed,
            "measured": self.measured,
            "refined": self.refined,
            "failed": tuple(self.failed),
        }
        summary = ", ".join(f"{len(names)} {what}" for what, names in counts.items() if names)
        return f"shards: {summary or 'all up to date, nothing to do'}"


def backfill(
    subset: str,
    shards: Collection[str] = (),
    *,
    failed_only: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Backfilled:
    """Measure the shards that need it, find duplicates over all, refine the shards whose outcome changed.

    Parameters
    ----------
    subset
        A sharded subset of the gallery.
    shards
        Only these are measured; all where empty.
    failed_only
        Only shards whose last run failed are measured.
    tell
        Called with a sentence for every run.

    Raises
    ------
    UserError
        For an unknown subset or shard, a subset that is not sharded, or a fault in its recipe or source.
    """
    recipe = sharded_recipe(subset)
    keys = SubsetKeys.of(recipe)
    with project_instance() as instance:
        changes = register(recipe, instance)
        done = Backfilled(registered=changes.added, removed=changes.removed)
        wanted = _wanted(instance, keys, [state.name for state in changes.wanted], shards, failed_only=failed_only)
        runs = _Runs(gallery_definitions(), instance, tell)
        for name in wanted:
            problem = runs.run(keys.stats, name)
            if problem:
                done.failed[name] = problem
            else:
                done.measured += (name,)
        known = instance.get_dynamic_partitions(_partitions(keys))
        measured = set(instance.get_materialized_partitions(keys.stats))
        ready = [name for name in known if name in measured and name not in done.failed]
        if not ready:
            return done
        done.deduplicating_failed = runs.run(keys.duplicates, ready[0])
        if not done.deduplicating_failed:
            for name in _stale(instance, keys, ready):
                problem = runs.run(keys.refined, name)
                if problem:
                    done.failed[name] = problem
                else:
                    done.refined += (name,)
    return done


def sharded_recipe(subset: str) -> GalleryRecipe:
    """Return the recipe of a sharded subset of the gallery.

    Raises
    ------
    UserError
        If there is no such subset, or it is not sharded.
    """
    recipe = find_gallery().recipes.get(subset.rsplit("/", maxsplit=1)[-1])
    if recipe is None:
        raise UserError(f"{subset}: is no subset of the gallery")
    if not is_sharded(recipe):
        raise UserError(
            f"{recipe.file}: is not sharded; add 'shards: {{}}' to its asset block, or materialize it whole"
        )
    return recipe


@dataclass(frozen=True)
class _Runs:
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    tell: Callable[[str], None]

    def run(self, key: dg.AssetKey, shard: str) -> str:
        """Materialize one partition; return the error message, empty where there is none."""
        run = materialize(self.definitions, self.instance, key, shard)
        problem = "" if run.success else what_failed(run)
        self.tell(f"{key.path[-1]} {shard}: {problem or 'done'}")
        return problem


def _wanted(
    instance: dg.DagsterInstance,
    keys: SubsetKeys,
    unmeasured: Sequence[str],
    shards: Collection[str],
    *,
    failed_only: bool,
) -> list[str]:
    known = instance.get_dynamic_partitions(_partitions(keys))
    unknown = sorted(set(shards) - set(known))
    if unknown:
        raise UserError(f"{keys.subset}: has no shard {unknown[0]!r}; it has {', '.join(known[:20])}")
    measured = set(instance.get_materialized_partitions(keys.stats))
    names = [name for name in known if name in unmeasured or name not in measured]
    if failed_only:
        failed = instance.get_status_by_partition(keys.stats, known, shard_partitions(keys)) or {}
        names = [name for name in names if (status := failed.get(name)) is not None and status.name == "FAILED"]
        return [name for name in names if not shards or name in shards]
    return [name for name in known if name in shards] if shards else names


def _stale(instance: dg.DagsterInstance, keys: SubsetKeys, names: Sequence[str]) -> Iterator[str]:
    """Yield the shards that are not refined, or were refined before their outcome changed."""
    for name in names:
        refined, outcome = (_newest(instance, key, name) for key in (keys.refined, keys.duplicates))
        used = (refined.tags or {}).get(OUTCOME_TAG) if refined else None
        if used is None or outcome is None or used != (outcome.tags or {}).get("dagster/data_version"):
            yield name


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey, name: str) -> dg.AssetMaterialization | None:
    records = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[name]), limit=1).records
    return records[0].asset_materialization if records else None


def _partitions(keys: SubsetKeys) -> str:
    return shard_partitions(keys).name or ""
