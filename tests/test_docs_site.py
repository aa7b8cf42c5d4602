"""The pages build as a site without a warning, and the site loads nothing from other servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mkdocs_hooks
from tests.paths import ROOT

PAGES = sorted(path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md"))
# Elements that make a browser load something; a link of the text loads nothing until it is clicked.
LOADED = re.compile(r"<(?:script|img|iframe|link|source|video)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")


def build(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    # with --quiet mkdocs counts no warnings
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "true"}
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_make_builds_the_site_as_this_test_does() -> None:
    assert "mkdocs build --strict\n" in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("link", ["other.md", "index.md#no-such-heading"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, link: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# Home\n\n[link]({link})\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\nhooks: [{ROOT / 'mkdocs_hooks.py'}]\nextra_css: []\n")
    done = build(config, tmp_path / "site")
    assert done.returncode == 1
    assert done.stderr.count("WARNING") == 1, done.stderr


def test_every_page_is_built_and_in_the_navigation(site: Path) -> None:
    home = (site / "index.html").read_text("utf-8")
    for page in PAGES:
        built = page.with_name("index.html") if page.name == "README.md" else page.with_suffix(".html")
        assert (site / built).is_file(), page
        assert f'href="{built.as_posix()}"' in home, page


def test_no_page_loads_anything_from_another_server(site: Path) -> None:
    assert LOADED.findall('<script src="https://unpkg.com/x"></script>') == ["https://unpkg.com/x"]
    found = {f"{page.name}: {url}" for page in site.rglob("*.html") for url in LOADED.findall(page.read_text("utf-8"))}
    assert found == set()


def test_the_interface_is_on_its_page(site: Path) -> None:
    page = (site / "api.html").read_text("utf-8")
    for name in ("dj_assets.run_recipe", "dj_assets.RunResult", "dj_assets.operators.base.RangeFilter"):
        assert f'id="{name}"' in page, name
    assert "&gt;&gt;&gt; " in page


def test_code_blocks_have_their_titles(site: Path) -> None:
    page = (site / "recipes.html").read_text("utf-8")
    assert '<span class="filename">recipes/web/news.yaml</span>' in page
    assert "```" not in page


def test_the_navigation_follows_the_files() -> None:
    nav = [{"Home": "index.md"}, {"Use": ["recipes.md", "gone.md"]}, {"Empty": ["lost.md"]}]
    pages = ["decisions/0001-first.md", "decisions/README.md", "index.md", "new.md", "recipes.md"]
    assert mkdocs_hooks.complete(nav, pages) == [
        {"Home": "index.md"},
        {"Use": ["recipes.md"]},
        {"Decisions": ["decisions/README.md", "decisions/0001-first.md"]},
        {"More": ["new.md"]},
    ]


@pytest.mark.parametrize(
    ("folder", "given", "shown"),
    [
        ("", "[the log](../CHANGELOG.md)", "the log (`CHANGELOG.md` in the repository)"),
        ("", "[examples/a.ipynb](../examples/a.ipynb)", "examples/a.ipynb"),
        ("decisions", "[page](../recipes.md#sources)", "[page](../recipes.md#sources)"),
        ("decisions", "[readme](../../README.md)", "readme (`README.md` in the repository)"),
        ("", "[page](recipes.md)", "[page](recipes.md)"),
        ("", "[deploy](deploy/)", "deploy (`docs/deploy/` in the repository)"),
        ("", "[file](deploy/dagster.yaml)", "[file](deploy/dagster.yaml)"),
        ("", "[Dagster](https://dagster.io/)", "[Dagster](https://dagster.io/)"),
    ],
)
def test_links_out_of_the_pages_become_text(folder: str, given: str, shown: str) -> None:
    assert mkdocs_hooks.without_outside_links(given, folder) == shown
