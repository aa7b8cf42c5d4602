"""Running a recipe as people do: the results with their report and card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dj_assets import subset
from dj_assets.recipe.model import Recipe
from dj_assets.urls import from_here
from dj_assets.views.release import accompany


def run_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    inputs: Sequence[str | Path],
    output: str | Path,
    **options: Any,  # noqa: ANN401 - those of the function below
) -> subset.RunResult:
    """Run any recipe over any files, see `dj_assets.subset.run_recipe`; with a report and a card."""
    # contact sheets find the files again: they must not look for them from another folder
    files = [from_here(path) for path in inputs]
    return subset.run_recipe(recipe, files, output, **{"accompany": accompany(files), **options})
