"""The events of a sharded subset's assets for one shard: figures, and the versions that decide about staleness."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping

import dagster as dg
from dagster import MetadataValue, TableRecord

from dj_assets.assets.labels import Metadata
from dj_assets.assets.stage_metadata import MAX_ROWS
from dj_assets.replay.decision import FileOutcome
from dj_assets.subset import DeduplicateResult, MeasureResult, RefineResult, Subset

OUTCOME_TAG = "dj/outcome"

Pointers = Mapping[dg.AssetKey, tuple[str, int | None]]


def pointers(
    instance: dg.DagsterInstance, upstream: Iterable[dg.AssetKey]
) -> dict[dg.AssetKey, tuple[str, int | None]]:
    """Return the data version and the number of the newest event of each upstream asset.

    Dagster compares an event of a shard with the upstream events of the same shard: the greater number is newer.
    """
    versions: dict[dg.AssetKey, tuple[str, int | None]] = {}
    for key in upstream:
        records = instance.fetch_materializations(key, limit=1).records
        event = records[0].asset_materialization if records else None
        version = ((event.tags or {}).get("dagster/data_version") if event else None) or "INITIAL"
        versions[key] = (version, records[0].storage_id if records else None)
    return versions


def changed(
    instance: dg.DagsterInstance, events: Iterable[dg.AssetMaterialization]
) -> Iterator[dg.AssetMaterialization]:
    """Yield the events whose asset has another version: thousands of shards need no event each for the same model."""
    for one in events:
        known, _ = pointers(instance, [one.asset_key])[one.asset_key]
        if (one.tags or {}).get("dagster/data_version") != known:
            yield one


def event(
    key: dg.AssetKey,
    shard: str,
    data_version: str,
    metadata: Metadata,
    *,
    seen: Pointers | None = None,
    code_version: str = "",
    outcome: str = "",
) -> dg.AssetMaterialization:
    """Return the event of one shard, with its own data version and the versions of its inputs.

    `outcome` of a refined shard is the version of the duplicates that it was made with. Dagster gives all shards of a
    run the same data version; therefore these events are not outputs of the step.
    """
    tags = {"dagster/data_version": data_version, "dagster/data_version_is_user_provided": "true"}
    if seen is not None:
        tags["dagster/code_version"] = code_version
        for upstream, (version, number) in seen.items():
            name = upstream.to_user_string()
            tags[f"dagster/input_data_version/{name}"] = version
            tags[f"dagster/input_event_pointer/{name}"] = "NULL" if number is None else str(number)
    if outcome:
        tags[OUTCOME_TAG] = outcome
    return dg.AssetMaterialization(key, partition=shard, metadata=metadata, tags=tags)


def source(subset: Subset, shard: str, result: MeasureResult) -> Metadata:
    """Return the metadata of the raw files of a shard."""
    group = subset.group(shard)
    files = [TableRecord({"file": file.path.name, "bytes": file.size}) for file in group.files[:MAX_ROWS]]
    return {
        "dagster/partition_row_count": result.samples,
        "dagster/uri": str(group.files[0].path),
        "files": len(group.files),
        "bytes": group.size_bytes,
        "shard_files": MetadataValue.table(files),
    }


def stats(subset: Subset, result: MeasureResult) -> Metadata:
    """Return the metadata of measuring a shard."""
    return {
        "dagster/partition_row_count": result.samples,
        "dagster/uri": subset.layout.location_of(subset.layout.measured("stats", 0).parent),
        "samples": result.samples,
        "files_measured": result.files_measured,
        "files_reused": result.files_reused,
        "seconds": round(result.seconds, 2),
        "measured_by": f"process {os.getpid()} of {platform.node()}",
        "stats_hash": subset.plan.stats_hash,
    }


def duplicates(subset: Subset, result: DeduplicateResult, outcomes: Iterable[FileOutcome]) -> Metadata:
    """Return the metadata of a shard's duplicates, and of the deduplicate step that found them."""
    outcomes_of_shard = list(outcomes)
    dropped = sum(outcome.duplicates for outcome in outcomes_of_shard)
    return {
        "dagster/partition_row_count": dropped,
        "duplicates": dropped,
        "kept": sum(outcome.kept for outcome in outcomes_of_shard),
        "duplicates_all_shards": result.duplicates,
        "clusters": result.clusters,
        "near_pairs": result.near_pairs,
        "shards": len(subset.groups) - len(result.missing),
        **_listed("missing_shards", result.missing),
        **_listed("removed_files", result.removed),
        "seconds": round(result.seconds, 2),
    }


def refined(subset: Subset, result: RefineResult) -> Metadata:
    """Return the metadata of refining a shard, and whether this published the subset."""
    state = "published" if result.published else f"waits for {len(result.waited_for)} other shards"
    samples = result.samples_in + result.added
    retention = result.samples_out / samples if samples else 0.0
    return {
        "dagster/partition_row_count": result.samples_out,
        "shard_samples_in": result.samples_in,
        "shard_samples_out": result.samples_out,
        "shard_retention": round(retention, 6),
        "shard_seconds": round(result.seconds, 2),
        "state": state,
        **_listed("waits_for", result.waited_for),
        "dagster/uri": subset.layout.location_of(subset.layout.refined),
    }


def _listed(key: str, names: tuple[str, ...]) -> Metadata:
    more = f" and {len(names) - MAX_ROWS} more" if len(names) > MAX_ROWS else ""
    return {key: ", ".join(names[:MAX_ROWS]) + more} if names else {}
