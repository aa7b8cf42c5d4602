from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.recipe.load import load_recipe
from dj_assets.subset.inputs import files_of

RECIPE = """
asset: {subset: clips, group: mine, source: {path: p.csv, format: video_captions, media_root: clips}}
process: [video_duration_filter]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path / "project"))
    monkeypatch.delenv("DJ_RECIPES", raising=False)
    return tmp_path / "project"


def root_of(recipe: Path, named: str | Path) -> str:
    """Return the folder in which a recipe over one file of clips looks for them."""
    (file,) = files_of(load_recipe(Path(named)), [recipe.parent / "p.csv"])
    return file.reading.media_root.folder


def written(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "p.csv").write_text("caption,video\na,b.mp4\n")
    (folder / "mine.yaml").write_text(RECIPE)
    return folder / "mine.yaml"


def test_the_media_root_of_ones_own_recipe_is_relative_to_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = written(tmp_path / "elsewhere")
    assert root_of(recipe, recipe) == str(tmp_path / "elsewhere/clips")
    monkeypatch.chdir(recipe.parent)
    assert root_of(recipe, "mine.yaml") == str(tmp_path / "elsewhere/clips")


def test_the_media_root_of_a_recipe_of_the_gallery_is_relative_to_the_project(project: Path) -> None:
    recipe = written(project / "recipes/mine")
    assert root_of(recipe, recipe) == str(project / "clips")
