"""The demo of synthesis: the subsets that models write and paint, with tiny random models in place of the real ones.

The recipes of the gallery stay as they are. Models and thresholds of the demo are an override, which every run names.
"""

from __future__ import annotations

import os
from pathlib import Path

from dj_assets import settings, variables
from dj_assets.assets.demo_override import DemoOverride, use_tiny_models
from dj_assets.models import extras
from dj_assets.recipe.gallery import Gallery

OVERRIDE = DemoOverride(
    "synthesis",
    "demo of synthesis: the models are tiny, with random weights, and the thresholds are those of the demo; "
    "texts and pictures mean nothing",
    Path(__file__).with_name("demo_synthesis.yaml"),
)
_MODELS = "models-demo-synthesis"


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
    from dj_assets.models.synthesis_checkpoints import write

    use_tiny_models(settings.data_home() / _MODELS, write)
    os.environ[variables.LLM.name] = "transformers"
    return OVERRIDE.applied(gallery)
