"""The demo of HumanVBench: drawn clips and tiny random models in place of wild clips and the real ones.

The recipes of the gallery stay as they are. Thresholds of the demo are an override, which every run names.
"""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from dj_assets import settings, variables
from dj_assets.analysis.changed_recipe import with_parameters
from dj_assets.models import extras
from dj_assets.recipe.gallery import Gallery
from dj_assets.recipe.model import GalleryRecipe

GROUP = "humanvbench"
WARNING = (
    "demo of HumanVBench: drawn clips, tiny models with random weights, and thresholds of the demo; tracks are real, "
    "tags and texts mean nothing"
)
_OVERRIDE = Path(__file__).with_name("demo_human.yaml")
_FOLDER = "demo-human"


def is_human(recipe: GalleryRecipe) -> bool:
    """Return whether a subset belongs to the group of HumanVBench, whose models do not ship."""
    return recipe.asset.group == GROUP


def for_demo(gallery: Gallery) -> Gallery:
    """Return the gallery with the override of the demo; draw clips and make tiny models unless they are there.

    Raises
    ------
    UserError
        If a package of the extras `human` and `vision` is missing.
    """
    for package, extra in {"dlib": "human", "torch": "vision", "transformers": "vision", "av": "vision"}.items():
        extras.require(package, extra)
    _prepare(settings.data_home() / _FOLDER)
    override = yaml.safe_load(_OVERRIDE.read_text("utf-8"))
    return replace(
        gallery,
        recipes={
            name: _overridden(recipe, override.get(name, {})) if is_human(recipe) else recipe
            for name, recipe in gallery.recipes.items()
        },
    )


def _prepare(folder: Path) -> None:
    """Draw the clips, make the models, and let this process and its workers find them: real models come first."""
    from dj_assets.models.human.tiny_checkpoints import write as write_models
    from dj_assets.samples.people import write as draw

    models, done = folder / "models", folder / "models" / "complete"
    if not done.is_file():
        write_models(models)
        done.touch()
    source = variables.SOURCE.of_subset(GROUP)
    if not source.given():
        os.environ[source.name] = str(draw(folder))
    given = variables.MODELS.given()
    os.environ[variables.MODELS.name] = os.pathsep.join([*([given] if given else []), str(models)])


def _overridden(recipe: GalleryRecipe, override: dict[str, dict[str, object]]) -> GalleryRecipe:
    changes: dict[int, Any] = {
        index: override[operator.name] for index, operator in enumerate(recipe.process) if operator.name in override
    }
    changed = with_parameters(recipe, changes)
    given = "; ".join(f"{name}: {dict(values)}" for name, values in override.items())
    values = {field.name: getattr(changed, field.name) for field in fields(changed)}
    asset = recipe.asset.model_copy(update={"description": f"{recipe.asset.description} ({WARNING})"})
    notice = f"{WARNING} [{given}]" if given else WARNING
    return GalleryRecipe(**{**values, "asset": asset, "notices": (*recipe.notices, notice)})
