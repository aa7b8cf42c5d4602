"""Concurrency pools: runs that hold a large model in memory share a pool, so that they do not run together."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dj_assets import settings
from dj_assets.models.manifest import manifest
from dj_assets.recipe.plan import Plan

# dagster_home/dagster.yaml lets one run at a time into each pool.
MODEL_POOL = "model_memory"


def pool_of(plan: Plan) -> str | None:
    """Return the pool that measuring a recipe belongs to; None for one that needs no large model.

    On one machine all large models share a pool. With `DJ_MODEL_POOLS=each`, for many workers, each model has its own
    pool; a recipe with several models belongs to the pool of the first, since Dagster has one pool per step.
    """
    names = [name for step in plan.steps for name in step.operator.models() if _is_large(name)]
    if not names:
        return None
    return f"model_{re.sub(r'[^A-Za-z0-9]+', '_', names[0])}" if settings.pool_per_model() else MODEL_POOL


def pools_of(plans: Iterable[Plan]) -> set[str]:
    """Return the pools of several recipes; the pool that all models share is always included."""
    pools = {pool for plan in plans if (pool := pool_of(plan)) is not None}
    return pools if settings.pool_per_model() else {*pools, MODEL_POOL}


def _is_large(name: str) -> bool:
    """Return whether a model takes gigabytes, or its size is not known."""
    entry = manifest().entry(name)
    return entry is None or "GB" in entry.size
