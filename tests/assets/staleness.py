"""Staleness as the UI shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

# What the page of a partition asks, word for word what it needs of it.
_SHARD = """query AssetPartitionStaleQuery($assetKey: AssetKeyInput!, $partitionKey: String!) {
  assetNodeOrError(assetKey: $assetKey) {
    ... on AssetNode {staleStatus(partition: $partitionKey) staleCauses(partition: $partitionKey) {key {path} reason}}
  }
}"""
_LOADED = "from dj_assets.assets.asset_graph import gallery_definitions\n\ndefs = gallery_definitions()\n"


def stale_statuses(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, str]:
    """Return FRESH, STALE or MISSING of every asset but exports and evaluations, which users make, by `group/name`.

    Dagster has no public call for it but GraphQL, which asks this class.
    """
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    keys = [key for key in graph.get_all_asset_keys() if not key.path[-1].endswith(("_export", "_evaluation_records"))]
    return {key.to_user_string(): resolver.get_status(key).value for key in keys}


def stale_reasons(definitions: dg.Definitions, instance: dg.DagsterInstance, key: str) -> list[str]:
    """Return why an asset is stale."""
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return [cause.reason for cause in resolver.get_stale_causes(dg.AssetKey(key.split("/")))]


def shard_statuses(folder: Path, instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    """Return FRESH, STALE or MISSING of every shard of an asset of the gallery, asked as the UI asks."""
    return {name: answer["staleStatus"] for name, answer in _shards(folder, instance, key).items()}


def shard_causes(folder: Path, instance: dg.DagsterInstance, key: dg.AssetKey, shard: str) -> list[tuple[str, str]]:
    """Return what made a shard stale and why, as its page says it."""
    causes = _shards(folder, instance, key)[shard]["staleCauses"]
    return [(cause["key"]["path"][-1], cause["reason"]) for cause in causes]


def _shards(folder: Path, instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    from dagster_graphql.test.utils import execute_dagster_graphql

    entry = folder / "loaded_for_graphql.py"
    entry.write_text(_LOADED)
    names = instance.get_dynamic_partitions(f"{key.path[-1].removesuffix('_stats').removesuffix('_duplicates')}_shards")
    with in_process_test_workspace(instance, LoadableTargetOrigin(python_file=str(entry))) as workspace:
        asked = [(name, {"assetKey": {"path": list(key.path)}, "partitionKey": name}) for name in names]
        answers = {name: execute_dagster_graphql(workspace, _SHARD, variables).data for name, variables in asked}
    return {name: answer["assetNodeOrError"] for name, answer in answers.items()}
