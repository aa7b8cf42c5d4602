"""Running a recipe as people do: the results with their report and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dj_assets import subset
from dj_assets.recipe.model import Recipe
from dj_assets.views.release import accompany


def run_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    inputs: Sequence[str | Path],
    output: str | Path,
    **options: Any,  # noqa: ANN401 - those of the function below
) -> subset.RunResult:
    """Run any recipe over any files, see `dj_assets.subset.run_recipe`; report and card lie beside the results."""
    return subset.run_recipe(recipe, inputs, output, **{"accompany": accompany(inputs), **options})
