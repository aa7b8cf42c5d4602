"""The server of the sliders for all subsets under one address; it runs next to the Dagster UI."""

from __future__ import annotations

import threading
from pathlib import Path

from dj_assets import settings
from dj_assets.analysis.figures import rate
from dj_assets.errors import UserError
from dj_assets.home.home import home_layout, named_folder
from dj_assets.home.manifest import newest_run
from dj_assets.operators.registry import nearest
from dj_assets.recipe.gallery import as_asset, find_gallery
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.views.page.html import joined, tag
from dj_assets.views.page.whole import whole_page
from dj_assets.what_if.server import LocalServer, Trial, sliders
from dj_assets.what_if.session import Session


class GalleryServer(LocalServer):
    """Server for every subset of the gallery that has a finished run, at `/<subset>/`; `/` lists them.

    A run is opened when its page is first requested.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._trials: dict[str, Trial] = {}
        self._finding = threading.Lock()

    def page(self, path: str) -> bytes | None:
        """Return the list of subsets, or the page of one."""
        if path == "/":
            return contents_page().encode()
        trial = self.trial(path)
        if trial is None:
            return None
        trial.renew()
        return sliders()

    def trial(self, path: str) -> Trial | None:
        """Return the trial of the subset in a path; None where the gallery has no such subset."""
        subset = path.strip("/")
        if path != f"/{subset}/":
            return None
        with self._finding:
            if subset not in self._trials and subset in find_gallery().recipes:
                self._trials[subset] = Trial(lambda: open_run(subset))
            return self._trials.get(subset)

    def server_close(self) -> None:
        """Stop listening and close the runs."""
        super().server_close()
        for trial in getattr(self, "_trials", {}).values():
            trial.close()


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


def contents_page() -> str:
    """Return a page with links to the subsets that have a finished run."""
    finished = {name: newest_run(home_layout(name)) for name in sorted(find_gallery().recipes)}
    lines = [
        tag("li", tag("a", name, href=f"{name}/"), f", {rate(run.retention)} of {run.samples_in:,} kept")
        for name, run in finished.items()
        if run is not None
    ]
    shown = tag("ul", *lines) if lines else tag("p", "No subset has a finished run yet: materialize one.")
    header = tag("header", tag("h1", "What if"), tag("p", "Move the thresholds of a subset.", class_="about"))
    return whole_page("What if", header, tag("main", joined([shown])))
