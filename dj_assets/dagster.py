"""Bring recipes into a Dagster project of one's own, in Python or as a component in YAML.

The executor and the jobs are those of the project. Results are in the data home: set `DJ_HOME`, or `DJ_PROJECT`, or
write `dj_assets.yaml` into the project with `dj-assets init`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
from pydantic import Field, ValidationError

from dj_assets import settings
from dj_assets.assets.asset_graph import Asset, hosted_definitions
from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.specs import origins_of
from dj_assets.errors import UserError
from dj_assets.recipe.gallery import Gallery, find_gallery, known_recipe
from dj_assets.recipe.model import AssetBlock, GalleryRecipe

Recipes = str | Path | Sequence[str | Path]


def gallery_definitions(
    recipes: Recipes | None = None,
    *,
    key_prefix: str | Sequence[str] = (),
    group: str | None = None,
    owners: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    blocking_checks: bool = False,
) -> dg.Definitions:
    """Return the assets and checks of recipes, without an executor and without jobs.

    Parameters
    ----------
    recipes
        A recipe file, a folder of recipes, the name of a subset of the gallery, or several of these; default: the
        included gallery.
    key_prefix
        The parts that come before `<group>/<subset>` in the keys of all assets.
    group
        The group of all assets in the UI; the keys stay. Default: the group of each recipe.
    owners, tags
        Added to those of each recipe. An owner is an e-mail address, or `team:` and a name.
    blocking_checks
        Whether a check that fails as an error stops downstream assets in the same run.

    Raises
    ------
    UserError
        If there is no recipe or no data home, or if a value is not valid.
    """
    given = _block(key_prefix, owners, tags)
    found = _gallery(recipes)
    gallery = Gallery({name: _with(recipe, given) for name, recipe in found.recipes.items()}, found.broken)
    return hosted_definitions(gallery, prefix=given.key_prefix, group=group, blocking_checks=blocking_checks)


def refined_asset(
    recipe: str | Path,
    *,
    key_prefix: str | Sequence[str] = (),
    group: str | None = None,
    owners: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> list[Asset]:
    """Return the refined subset of one recipe, with its stages: its source, statistics and duplicates.

    The refined subset is the first asset. Its checks and its export are left out; `gallery_definitions(recipe)` has
    them.

    Raises
    ------
    UserError
        If the recipe cannot be used, or without a data home.
    """
    found = _gallery(recipe)
    for error in found.broken.values():
        raise error
    if len(found.recipes) != 1:
        raise UserError(f"{recipe}: has {len(found.recipes)} recipes; name the file of one")
    (one,) = found.recipes.values()
    prefixed = _with(one, _block(key_prefix, owners, tags))
    keys = SubsetKeys.of(prefixed)
    wanted = {keys.refined, keys.source, keys.stats, keys.duplicates, *origins_of(prefixed)}
    definitions = gallery_definitions(recipe, key_prefix=key_prefix, group=group, owners=owners, tags=tags)
    assets = [asset for asset in definitions.assets or () if isinstance(asset, Asset) and _keys(asset) <= wanted]
    return sorted(assets, key=lambda asset: keys.refined not in _keys(asset))


class RecipesComponent(dg.Component, dg.Model, dg.Resolvable):
    """Bring a recipe, a folder of recipes, or the included gallery into a project of `dg`.

    Attributes
    ----------
    recipes
        Recipe files and folders, relative to the folder of the component; without them, the included gallery.
    key_prefix, group, owners, tags, blocking_checks
        As in `gallery_definitions`.
    """

    recipes: list[str] | None = None
    key_prefix: list[str] = Field(default_factory=list)
    group: str | None = None
    owners: list[str] = Field(default_factory=list)
    tags: dict[str, str] = Field(default_factory=dict)
    blocking_checks: bool = False

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the recipes."""
        paths = None if self.recipes is None else [context.path / recipe for recipe in self.recipes]
        return gallery_definitions(
            paths,
            key_prefix=self.key_prefix,
            group=self.group,
            owners=self.owners,
            tags=self.tags,
            blocking_checks=self.blocking_checks,
        )


def _gallery(recipes: Recipes | None) -> Gallery:
    """Load recipes; raise an error where there are none."""
    if recipes is None:
        paths = [settings.included_recipes()]
    else:
        paths = [_path(recipe) for recipe in ([recipes] if isinstance(recipes, str | Path) else recipes)]
    found = find_gallery(tuple(paths))
    if not found.recipes and not found.broken:
        raise UserError(f"{', '.join(map(str, paths))}: no recipe; name a recipe file, or a folder that has one")
    return found


def _keys(asset: Asset) -> set[dg.AssetKey]:
    return {asset.key} if isinstance(asset, dg.AssetSpec) else set(asset.keys)


def _path(recipe: str | Path) -> Path:
    path = Path(recipe).expanduser().absolute()
    if path.exists():
        return path
    if path.suffix or isinstance(recipe, Path):
        raise UserError(f"{path}: no such file or folder; name a recipe file, or a folder that has one")
    folders = dict.fromkeys((*settings.recipe_folders(), settings.included_recipes()))
    return Path(known_recipe(recipe, tuple(folders)).file)


def _block(key_prefix: str | Sequence[str], owners: Sequence[str], tags: Mapping[str, str] | None) -> AssetBlock:
    """Return the given values as an `asset:` block, which checks them as it does those of a recipe."""
    values = {"key_prefix": key_prefix, "owners": owners, "tags": tags or {}}
    try:
        return AssetBlock.model_validate({"subset": "any", "group": "any", **values})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(f"{first['loc'][0]}: {first['input']!r} is not valid ({first['msg']})") from None


def _with(recipe: GalleryRecipe, given: AssetBlock) -> GalleryRecipe:
    """Return a recipe with the owners and tags of a block added to its own, and its key prefix before its own."""
    own = recipe.asset
    block = own.model_copy(
        update={
            "key_prefix": (*given.key_prefix, *own.key_prefix),
            "owners": tuple(dict.fromkeys((*own.owners, *given.owners))),
            "tags": {**own.tags, **given.tags},
        }
    )
    return replace(recipe, asset=block)
