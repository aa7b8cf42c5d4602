"""The use case: the source of a subset to its statistics, duplicates and refined files. Knows nothing of Dagster."""

from __future__ import annotations

from dj_assets.subset.recipe_run import run_recipe
from dj_assets.subset.results import (
    DeduplicateResult,
    MeasureResult,
    Options,
    RefineResult,
    RunOptions,
    RunResult,
)
from dj_assets.subset.steps import Subset

__all__ = [
    "DeduplicateResult",
    "MeasureResult",
    "Options",
    "RefineResult",
    "RunOptions",
    "RunResult",
    "Subset",
    "run_recipe",
]
