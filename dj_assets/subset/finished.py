"""Find a finished run by the name of its subset or by its folder."""

from __future__ import annotations

from pathlib import Path

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.home import home_layout, output_layout
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.gallery import find_gallery, known_recipe
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.sources.sources import SourceFile
from dj_assets.subset.inputs import files_of
from dj_assets.urls import is_url


def finished_run(name: str) -> tuple[Layout, RunManifest]:
    """Return the layout and the newest manifest of an output folder or its URL, or of a subset of the gallery.

    A subset is given by its name, the name of its asset (`redpajama/c4`), or the file of its recipe.

    Raises
    ------
    UserError
        If there is no such subset or folder, or it holds no finished run.
    """
    folder, subset = Path.cwd() / name, Path(name).name.removesuffix(".yaml")
    layouts = [Layout.output(folder), Layout.home(folder)] if folder.is_dir() else []
    if is_url(name):
        output = output_layout(name)
        layouts = [output, Layout.home(output.published)]
    elif subset and (settings.has_data_home() or not layouts):
        layouts.append(home_layout(subset))
    for layout in layouts:
        manifest = newest_run(layout)
        if manifest is not None:
            return layout, manifest
    if folder.is_dir() or is_url(name):
        raise UserError(f"{name}: holds no finished run; 'dj-assets run' writes one into its --output")
    known_recipe(name)
    raise UserError(f"{name}: was not run yet; materialize it in the UI, which 'dj-assets dev' starts")


def plan_of_run(manifest: RunManifest) -> Plan:
    """Return the plan of a run, with its operators as they were.

    Raises
    ------
    UserError
        If the run mixed other subsets, and ran no operator.
    """
    if manifest.mix:
        subsets = ", ".join(share.subset for share in manifest.mix)
        raise UserError(f"{manifest.name}: is a mix, which runs no operator; name one of its subsets: {subsets}")
    return make_plan(load_recipe(manifest.recipe_content()))


def files_as_read(manifest: RunManifest) -> tuple[SourceFile, ...]:
    """Return the source files of a run, read as its recipe says; none where the recipe or a file does not exist."""
    recipe = find_gallery().recipes.get(manifest.name.rpartition("/")[2])
    try:
        if recipe is not None and recipe.name == manifest.name:
            return files_of(recipe)
        paths = [file.path for file in manifest.sources]
        return files_of(load_recipe(Path(manifest.recipe)), paths)
    except UserError:
        return ()
