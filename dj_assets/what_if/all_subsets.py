"""The recipe and the finished run that a command or a page names."""

from __future__ import annotations

from pathlib import Path

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.home import named_folder
from dj_assets.operators.registry import nearest
from dj_assets.recipe.gallery import as_asset, find_gallery
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.what_if.session import Session


def open_run(recipe: str, data: str | None = None) -> Session:
    """Open the finished run for trying out a recipe, see `recipe_and_folder`.

    Raises
    ------
    UserError
        If there is no such recipe or no finished run, or the run measured something else.
    """
    return Session(*recipe_and_folder(recipe, data), settings.default_workers())


def recipe_and_folder(recipe: str, data: str | None = None) -> tuple[GalleryRecipe, Path]:
    """Return a recipe, given by file or subset, and the folder of its finished run, or the folder `data`.

    Raises
    ------
    UserError
        If there is no such recipe.
    """
    path = Path(recipe)
    asset_recipe = (
        as_asset(load_recipe(path), path.resolve()) if path.is_file() else find_gallery().recipes.get(path.name)
    )
    if asset_recipe is None:
        near = nearest(path.name.lower(), sorted(find_gallery().recipes))
        hint = f"; did you mean {near!r}?" if near else ""
        raise UserError(f"{recipe}: is neither a recipe file nor a subset of the gallery{hint}")
    subset = data or asset_recipe.asset.subset
    return asset_recipe, named_folder(subset)
