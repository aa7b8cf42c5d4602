"""The demo of synthesis: the subsets that models write and paint, with tiny random models in place of the real ones.

The recipes of the gallery stay as they are. Models and thresholds of the demo are an override, which every run names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from dj_assets import settings, variables
from dj_assets.analysis.changed_recipe import with_parameters
from dj_assets.models import extras
from dj_assets.recipe.gallery import Gallery
from dj_assets.recipe.model import GalleryRecipe

WARNING = (
    "demo of synthesis: the models are tiny, with random weights, and the thresholds are those of the demo; "
    "texts and pictures mean nothing"
)
_OVERRIDE = Path(__file__).with_name("demo_synthesis.yaml")
# The first folder is searched first: a real model of the user takes the place of a tiny one.
_MODELS = "models-demo-synthesis"


def is_synthesis(recipe: GalleryRecipe) -> bool:
    """Return whether a subset belongs to the group of those that models write or paint, or that are made of these."""
    return recipe.asset.group == "synthesis"


def for_demo(gallery: Gallery) -> Gallery:
    """Return the gallery with the override of the demo; make the tiny models unless they are there.

    Models run in this process and its workers, found in a folder of the data home.

    Raises
    ------
    UserError
        If a package of the extras `synth` and `vision` is missing.
    """
    for package in ("torch", "transformers"):
        extras.require(package, "vision")
    for package in ("diffusers", "lemminflect"):
        extras.require(package, "synth")
    _use_tiny_models(settings.data_home() / _MODELS)
    override = yaml.safe_load(_OVERRIDE.read_text("utf-8"))
    recipes = {
        name: _overridden(recipe, override.get(name, {})) if is_synthesis(recipe) else recipe
        for name, recipe in gallery.recipes.items()
    }
    return replace(gallery, recipes=recipes)


def _use_tiny_models(folder: Path) -> None:
    from dj_assets.models.synthesis_checkpoints import write

    done = folder / "complete"
    if not done.is_file():
        write(folder)
        done.touch()
    os.environ[variables.LLM.name] = "transformers"
    given = variables.MODELS.given()
    os.environ[variables.MODELS.name] = os.pathsep.join([*([given] if given else []), str(folder)])


def _overridden(recipe: GalleryRecipe, override: Mapping[str, Mapping[str, object]]) -> GalleryRecipe:
    changes: dict[int, Any] = {
        index: override[operator.name] for index, operator in enumerate(recipe.process) if operator.name in override
    }
    changed = with_parameters(recipe, changes)
    changes_in_words = "; ".join(f"{name}: {dict(values)}" for name, values in override.items())
    asset = recipe.asset.model_copy(update={"description": f"{recipe.asset.description} ({WARNING})"})
    return GalleryRecipe(
        **{
            **{name: getattr(changed, name) for name in changed.__dataclass_fields__},
            "asset": asset,
            "notices": (*recipe.notices, f"{WARNING} [{changes_in_words}]"),
        }
    )
