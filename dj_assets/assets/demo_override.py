"""An override of a demo: models and thresholds in place of those of recipes, which stay as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from dj_assets import variables
from dj_assets.analysis.changed_recipe import with_parameters
from dj_assets.recipe.gallery import Gallery
from dj_assets.recipe.model import GalleryRecipe

Values = dict[str, dict[str, object]]


@dataclass(frozen=True)
class DemoOverride:
    """Change the recipes of a group: `file` has other parameters by subset and operator. Each run names the warning."""

    group: str
    warning: str
    file: Path

    def concerns(self, recipe: GalleryRecipe) -> bool:
        """Return whether a subset belongs to the group."""
        return recipe.asset.group == self.group

    def applied(self, gallery: Gallery) -> Gallery:
        """Return the gallery with the recipes of the group changed."""
        override: dict[str, Values] = yaml.safe_load(self.file.read_text("utf-8"))
        recipes = {
            name: self._overridden(recipe, override.get(name, {})) if self.concerns(recipe) else recipe
            for name, recipe in gallery.recipes.items()
        }
        return replace(gallery, recipes=recipes)

    def _overridden(self, recipe: GalleryRecipe, override: Values) -> GalleryRecipe:
        changes: dict[int, Any] = {
            index: override[operator.name] for index, operator in enumerate(recipe.process) if operator.name in override
        }
        changed = with_parameters(recipe, changes)
        given = "; ".join(f"{name}: {dict(values)}" for name, values in override.items())
        values = {field.name: getattr(changed, field.name) for field in fields(changed)}
        asset = recipe.asset.model_copy(update={"description": f"{recipe.asset.description} ({self.warning})"})
        notice = f"{self.warning} [{given}]" if given else self.warning
        return GalleryRecipe(**{**values, "asset": asset, "notices": (*recipe.notices, notice)})


def use_tiny_models(folder: Path, write: Callable[[Path], None]) -> None:
    """Write tiny models into a folder unless they are there; this process and its workers find them after real ones."""
    done = folder / "complete"
    if not done.is_file():
        write(folder)
        done.touch()
    given = variables.MODELS.given()
    os.environ[variables.MODELS.name] = os.pathsep.join([*([given] if given else []), str(folder)])
