"""The demo of HumanVBench: drawn clips and tiny random models in place of wild clips and the real ones.

The recipes of the gallery stay as they are. Thresholds of the demo are an override, which every run names.
"""

from __future__ import annotations

import os
from pathlib import Path

from dj_assets import settings, variables
from dj_assets.assets.demo_override import DemoOverride, use_tiny_models
from dj_assets.models import extras
from dj_assets.recipe.gallery import Gallery

OVERRIDE = DemoOverride(
    "humanvbench",
    "demo of HumanVBench: drawn clips, tiny models with random weights, and thresholds of the demo; tracks are real, "
    "tags and texts mean nothing",
    Path(__file__).with_name("demo_human.yaml"),
)
_FOLDER, _CLIPS = "demo-human", "humanvbench_clips"


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
    return OVERRIDE.applied(gallery)


def _prepare(folder: Path) -> None:
    """Make the models and draw the clips, and let this process and its workers find them."""
    from dj_assets.models.human.tiny_checkpoints import write as write_models
    from dj_assets.samples.people import write as draw

    use_tiny_models(folder / "models", write_models)
    source = variables.SOURCE.of_subset(_CLIPS)
    if not source.given():
        os.environ[source.name] = str(draw(folder))
