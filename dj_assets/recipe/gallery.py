"""All recipes of the recipe folders, each an asset; and where their sources really lie."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from dj_assets import settings
from dj_assets.errors import RecipeError
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import AssetBlock, Recipe, Source
from dj_assets.recipe.yaml_file import read_yaml


@dataclass(frozen=True)
class Gallery:
    """The recipes that load, by subset name, and the errors of those that do not, by file."""

    recipes: dict[str, Recipe]
    broken: dict[Path, RecipeError]


def find_gallery(folders: tuple[Path, ...] | None = None) -> Gallery:
    """Load every YAML file below the recipe folders.

    A file without an `asset:` block takes its group from its folder and its subset from its name.

    Raises
    ------
    RecipeError
        If two recipes claim the same subset name. A recipe that is broken by itself does not hide the others.
    """
    recipes: dict[str, Recipe] = {}
    broken: dict[Path, RecipeError] = {}
    for path in _recipe_files(folders if folders is not None else settings.recipe_folders()):
        try:
            recipe = as_asset(load_recipe(path), path)
        except RecipeError as error:
            broken[path] = error
            continue
        subset = recipe.asset.subset if recipe.asset else ""
        if subset in recipes:
            raise RecipeError(
                str(path), f"subset {subset!r} is taken by {recipes[subset].file}", key="asset.subset", fix="rename one"
            )
        recipes[subset] = recipe
    return Gallery(recipes, broken)


def as_asset(recipe: Recipe, path: Path) -> Recipe:
    """Give a recipe without an `asset:` block the one its place implies."""
    if recipe.asset:
        return recipe
    source = Source(paths=(recipe.dataset_path,)) if recipe.dataset_path else None
    block = AssetBlock(subset=_identifier(path.stem), group=_identifier(path.parent.name), source=source)
    return replace(recipe, asset=block)


def source_paths(recipe: Recipe) -> tuple[str, ...]:
    """Return where a subset's raw files lie: `DJ_SOURCE_<SUBSET>`, else `sources.yaml`, else the recipe.

    Raises
    ------
    RecipeError
        If none of them says.
    """
    block = recipe.asset
    subset = block.subset if block else ""
    given = os.environ.get(f"DJ_SOURCE_{subset.upper()}")
    if given:
        return tuple(given.split(os.pathsep))
    listed = _sources().get(subset)
    if listed:
        return listed
    if block and block.source:
        return block.source.paths
    if recipe.dataset_path:
        return (recipe.dataset_path,)
    raise RecipeError(
        recipe.file, "has no source", key="asset.source.paths", fix=f"add it, or {subset!r} to sources.yaml"
    )


def _sources() -> dict[str, tuple[str, ...]]:
    path = settings.sources_file()
    if not path.exists():
        return {}
    sources = {}
    for subset, value in read_yaml(path).items():
        if not isinstance(value, str | list):
            raise RecipeError(str(path), f"must be a path or a list of paths, not {value!r}", key=str(subset))
        sources[str(subset)] = (value,) if isinstance(value, str) else tuple(str(entry) for entry in value)
    return sources


def _recipe_files(folders: tuple[Path, ...]) -> list[Path]:
    return [path for folder in folders for path in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml")))]


def _identifier(text: str) -> str:
    name = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"x_{name}"
