from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dj_assets import included, project, settings, variables
from dj_assets.cli.app import app
from dj_assets.errors import SourceError, UserError
from dj_assets.new_project import write_project
from dj_assets.recipe.gallery import Gallery, find_gallery, required
from dj_assets.recipe.yaml_file import read_yaml
from dj_assets.sources.sources import resolve
from dj_assets.urls import split_locations
from tests.paths import ROOT

OWN = "process: [text_length_filter]\n"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables.own_values():
        monkeypatch.delenv(name)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty current folder, with a package that is in no checkout."""
    monkeypatch.setattr(project, "checkout", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_checkout_is_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.project_root() == ROOT
    assert settings.data_home() == ROOT / "data_home"
    assert settings.recipe_folders() == (ROOT / "recipes",)
    assert settings.sources_file() == ROOT / "sources.yaml"


def test_the_nearest_marked_folder_is_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path, tmp_path / "inner"):
        write_project(folder)
    (tmp_path / "inner/deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "inner/deep/er")
    assert settings.project_root() == tmp_path / "inner"
    monkeypatch.chdir(tmp_path)
    assert settings.project_root() == tmp_path
    assert settings.recipe_folders() == (tmp_path / "recipes", ROOT / "recipes")
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path / "inner"))
    assert settings.project_root() == tmp_path / "inner"


def test_without_a_project_one_line_says_so(installed: Path) -> None:
    with pytest.raises(UserError, match=f"^{installed}: is in no project; 'dj-assets init' makes one here, or .*$"):
        settings.data_home()
    assert (settings.sources_file(), settings.model_folders(), settings.has_data_home()) == (None, (), False)
    assert "c4" in find_gallery().recipes
    done = CliRunner().invoke(app, ["funnel", "c4"])
    assert "is in no project" in str(done.exception)


def test_a_run_of_ones_own_needs_no_project(installed: Path) -> None:
    (installed / "mine.yaml").write_text(OWN)
    ran = CliRunner().invoke(
        app, ["run", "mine.yaml", "--input", "sample:c4", "--output", "out", "--limit", "9", "--workers", "1"]
    )
    assert ran.exit_code == 0, ran.output
    assert CliRunner().invoke(app, ["funnel", "out"]).exit_code == 0
    assert {path.name for path in installed.iterdir()} == {"mine.yaml", "out"}


def test_init_writes_a_project_and_changes_no_file(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    made = write_project(tmp_path)
    assert made.kept == ("README.md",)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert set(made.written) == {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    } - {"README.md"}
    assert (tmp_path / "workspace.yaml").read_text() == (ROOT / "workspace.yaml").read_text()
    assert (tmp_path / "dagster_home/dagster.yaml").read_text() == (ROOT / "dagster_home/dagster.yaml").read_text()
    assert read_yaml(tmp_path / "sources.yaml") == {}
    (tmp_path / "sources.yaml").write_text("c4: /a\n")
    assert write_project(tmp_path).written == ()
    assert (tmp_path / "sources.yaml").read_text() == "c4: /a\n"


def test_the_readme_of_a_project_has_ten_lines(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert 8 <= len((tmp_path / "README.md").read_text().splitlines()) <= 10


def test_init_refuses_a_checkout_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a checkout of dj-assets, and a project as it is"):
        write_project(ROOT)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/dj_assets\.yaml: cannot be written"):
        write_project(tmp_path / "file")


def test_an_own_recipe_takes_the_place_of_an_included_one(installed: Path) -> None:
    write_project(installed)
    (installed / "recipes/web").mkdir()
    (installed / "recipes/web/c4.yaml").write_text(OWN)
    gallery = find_gallery()
    assert gallery.broken == {}
    assert gallery.recipes["c4"].name == "web/c4"
    assert "arxiv" in gallery.recipes
    (installed / "recipes/web/again.yaml").write_text("asset: {subset: c4, group: web}\n" + OWN)
    assert [str(path.name) for path in find_gallery().broken] == ["c4.yaml"]


def test_a_project_without_the_gallery(installed: Path) -> None:
    write_project(installed)
    (installed / "dj_assets.yaml").write_text("gallery: false\n")
    assert settings.recipe_folders() == (installed / "recipes",)
    with pytest.raises(UserError, match=f"^{installed}/recipes: no recipe; add one, or write 'gallery: true'"):
        required(find_gallery())
    (installed / "dj_assets.yaml").write_text("")
    assert isinstance(required(find_gallery()), Gallery)
    for text in ("galery: true", "gallery: 3", "- a", "{"):
        (installed / "dj_assets.yaml").write_text(text)
        with pytest.raises(UserError, match=r"dj_assets\.yaml: (must hold|cannot be read)"):
            settings.recipe_folders()


def test_samples_have_names() -> None:
    names = included.sample_names()
    assert {"c4", "alpaca_cot", "general_video", "llava"} <= set(names)
    for name in names:
        assert included.sample_path(f"sample:{name}").exists(), name
    (file,) = resolve(["sample:c4"], Path("/nowhere"))
    assert file.path == ROOT / "dj_assets/samples/c4.jsonl.gz"


@pytest.mark.parametrize("name", ["c44", "", "../models/demo", "/etc"])
def test_an_unknown_sample_is_named_with_the_nearest(name: str) -> None:
    with pytest.raises(SourceError, match=f"^sample:{name}: there is no such sample; did you mean 'sample:.+'"):
        included.sample_path(f"sample:{name}")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sample:c4", ["sample:c4"]),
        ("/a:sample:c4:sample:book:s3://b/x", ["/a", "sample:c4", "sample:book", "s3://b/x"]),
        ("/data/sample:/b", ["/data/sample", "/b"]),
        ("sample:/b", ["sample", "/b"]),
    ],
)
def test_samples_in_a_list_of_locations(text: str, parts: list[str]) -> None:
    assert split_locations(text) == parts
