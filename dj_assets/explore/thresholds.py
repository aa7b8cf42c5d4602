"""Thresholds moved on the page: which samples the filters would gain and lose, all changes together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.explore.samples import Mask, Samples
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.edit import Value
from dj_assets.recipe.gallery import find_gallery
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan, Step
from dj_assets.what_if.judged import Bits, Judged, unpacked
from dj_assets.what_if.session import Session

Changes = Mapping[int, Mapping[str, Value]]
ALONE = "by the filters alone; duplicates are decided again when the subset is run"


class Thresholds:
    """The filters of a recipe over the samples of its finished run."""

    def __init__(self, samples: Samples, session: Session) -> None:
        self._samples = samples
        self.session = session

    @property
    def _judged(self) -> Judged:
        return self.session.judged

    def passing(self, step: Step) -> Mask:
        """Return the samples that a filter alone keeps; those without statistics are not among them."""
        return self._marks(self._judged.kept(step))

    def changed(self, changes: Changes, change: str) -> Mask:
        """Return the samples that moved thresholds gain or lose; both, where `change` is neither."""
        gained, lost = self.gained_and_lost(changes)
        return gained if change == "gained" else lost if change == "lost" else gained | lost

    def gained_and_lost(self, changes: Changes) -> tuple[Mask, Mask]:
        """Return the samples that moved thresholds gain, and those that they lose.

        Lost are samples that the run kept and that a filter would drop. Gained are samples that a filter of the run
        dropped and that all filters would keep.

        Raises
        ------
        UserError
            If a threshold is not valid, or decides which samples an operator makes from others.
        """
        plan = self.session.changed(changes)
        if plan.makes_samples:
            raise UserError(
                "this recipe makes samples from others, and thresholds decide which: the page of the sliders replays it"
            )

        def make() -> tuple[Mask, Mask]:
            passing = self._passing_all(plan)
            return passing & self._dropped_by_filter(plan), ~passing & self._samples.kept

        both: tuple[Mask, Mask] = self._samples.cached(("moved", plan.refined_hash), make)
        return both

    def _passing_all(self, plan: Plan) -> Mask:
        bits = self._judged.all()
        for step in plan.filters:
            bits &= self._judged.kept(step)
        for failed in self._judged.failed.values():
            bits &= ~failed
        return self._marks(bits)

    def _dropped_by_filter(self, plan: Plan) -> Mask:
        labels = frozenset(step.label for step in plan.filters)

        def make() -> Mask:
            return self._samples.with_outcome(lambda outcome: outcome.kind == "dropped" and outcome.operator in labels)

        dropped: Mask = self._samples.cached(("dropped by", labels), make)
        return dropped

    def _marks(self, bits: Bits) -> Mask:
        marks: Mask = self._samples.spread(unpacked(bits, 0, self._judged.samples), np.False_)
        return marks


def recipe_now(manifest: RunManifest, of_run: Recipe) -> Recipe:
    """Return the recipe of a run as its file has it now; as the run had it, where there is no such file."""
    recipe = find_gallery().recipes.get(manifest.name.rpartition("/")[2])
    if recipe is not None and recipe.name == manifest.name:
        return recipe
    return load_recipe(Path(manifest.recipe)) if Path(manifest.recipe).is_file() else of_run


def require_own(file: Path) -> None:
    """Raise where a recipe is not in a folder of the user: thresholds are not written into it.

    Raises
    ------
    UserError
        Naming the folders that recipes may be in.
    """
    folders = [
        folder
        for folder in (*settings.recipe_folders(), settings.base_folder(), Path.cwd())
        if not _is_installed(folder)
    ]
    if not any(file.resolve().is_relative_to(folder.resolve()) for folder in folders):
        listed = ", ".join(dict.fromkeys(map(str, folders)))
        raise UserError(f"{file}: is in none of the folders of your recipes ({listed}); copy it there to change it")


def _is_installed(folder: Path) -> bool:
    return folder == settings.included_recipes() and "site-packages" in folder.parts
