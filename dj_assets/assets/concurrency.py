"""Which runs may not run beside each other: those that hold a large model in memory share one pool."""

from __future__ import annotations

from dj_assets.models.manifest import manifest
from dj_assets.recipe.plan import Plan

# dagster_home/dagster.yaml lets one run at a time into each pool.
MODEL_POOL = "model_memory"


def pool_of(plan: Plan) -> str | None:
    """Return the pool that measuring a recipe belongs to; None for one that needs no large model."""
    names = {name for step in plan.steps for name in step.operator.models()}
    return MODEL_POOL if any(_is_large(name) for name in names) else None


def _is_large(name: str) -> bool:
    """Return whether a model takes gigabytes, or nobody has told its size."""
    entry = manifest().entry(name)
    return entry is None or "GB" in entry.size
