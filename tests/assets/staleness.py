"""Staleness as the UI shows it."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest


def stale_statuses(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, str]:
    """Return FRESH, STALE or MISSING of every asset but exports, which only a click makes, by `group/name`.

    Dagster has no public call for it but GraphQL, which asks this class; the browser test asks GraphQL itself.
    """
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    keys = [key for key in graph.get_all_asset_keys() if not key.path[-1].endswith("_export")]
    return {key.to_user_string(): resolver.get_status(key).value for key in keys}


def stale_reasons(definitions: dg.Definitions, instance: dg.DagsterInstance, key: str) -> list[str]:
    """Return why an asset is stale."""
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return [cause.reason for cause in resolver.get_stale_causes(dg.AssetKey(key.split("/")))]
