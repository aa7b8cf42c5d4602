"""The examples of the pages, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dj_assets.recipe import known_keys
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import Options, RunResult, Subset
from tests.paths import ROOT

PAGE = (ROOT / "docs/recipes.md").read_text("utf-8")
BLOCK = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted((*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every titled block of the page into one folder: an operator is registered once a process."""
    folder = tmp_path_factory.mktemp("project")
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) > 10
    for name, text in blocks:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (folder / "sources.yaml").unlink()
    return folder


@pytest.fixture
def project(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the folder the project; its data lie where the recipes say, unless a test writes `sources.yaml`."""
    monkeypatch.setenv("DJ_PROJECT", str(folder))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    yield folder
    (folder / "sources.yaml").unlink(missing_ok=True)


def run(subset: str) -> RunResult:
    gallery = find_gallery()
    assert gallery.broken == {}
    return Subset.of_asset(gallery.recipes[subset], Options(workers=1)).run()


def test_folder_and_file_name_the_asset(project: Path) -> None:
    names = {recipe.name for recipe in find_gallery().recipes.values()}
    assert names == {"web/news", "web/forum", "web/code", "web/twice", "web/calm", "web/train"}


def test_the_first_recipe_keeps_what_the_page_says(project: Path) -> None:
    news = run("news")
    assert (news.samples_in, news.samples_out) == (3, 1)
    with duckdb.connect(str(news.database), read_only=True) as connection:
        dropped = connection.execute("SELECT id, operator, kept_id FROM dropped ORDER BY id").fetchall()
    assert dropped == [("b", "document_simhash_deduplicator", "a"), ("c", "text_length_filter", None)]


def test_the_asset_block(project: Path) -> None:
    forum = run("forum")
    assert (forum.samples_in, forum.samples_out) == (4, 3)
    recipe = find_gallery().recipes["forum"]
    assert recipe.asset.reference.computed_retention == recipe.asset.reference.published_retention == forum.retention


def test_sources_are_looked_up_in_the_order_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "sources.yaml").write_text("news: data/forum-1.jsonl\n")
    assert run("news").samples_in == 2
    both = f"{project}/data/forum-1.jsonl:{project}/data/forum-2.jsonl"
    monkeypatch.setenv("DJ_SOURCE_NEWS", both)
    assert run("news").samples_in == 4


def test_the_shown_sources_file_can_be_read(project: Path) -> None:
    (project / "sources.yaml").write_text(dict(BLOCK.findall(PAGE))["sources.yaml"])
    from dj_assets.recipe import gallery

    recipes = find_gallery().recipes
    paths = {name: [path for s in gallery.sources_of(recipes[name]) for path in s.paths] for name in ("news", "forum")}
    assert paths == {"news": ["/data/news/*.jsonl.gz"], "forum": ["/data/forum/2023", "/data/forum/2024"]}


def test_recipes_elsewhere(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "press").mkdir()
    (tmp_path / "press/daily.yaml").write_text("process: [text_length_filter]\n")
    monkeypatch.setenv("DJ_RECIPES", str(tmp_path))
    assert find_gallery().recipes["daily"].name == "press/daily"


def test_the_text_key(project: Path) -> None:
    code = run("code")
    assert (code.samples_in, code.samples_out) == (2, 1)


def test_two_of_a_kind(project: Path) -> None:
    with duckdb.connect(str(run("twice").database), read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE stats").fetchall()]
    assert {"char_rep_ratio", "char_rep_ratio_2"} <= set(columns)


def test_against_another_set(project: Path) -> None:
    train = run("train")
    assert (train.samples_in, train.samples_out) == (3, 1)
    with duckdb.connect(str(train.database), read_only=True) as connection:
        dropped = connection.execute("SELECT id, reason FROM dropped ORDER BY row").fetchall()
        columns = [row[0] for row in connection.execute("DESCRIBE duplicates").fetchall()]
    assert dropped == [("leaked", "duplicate of q1 in evaluation.jsonl (against)"), ("again", "duplicate of own")]
    table = PAGE.partition("\n## Duplicates\n")[2].partition("\n\n`dj-assets explain")[0]
    told = [
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1:2][0] if "|" in line else "")
    ]
    assert told == columns


def test_an_operator_of_your_own(project: Path) -> None:
    calm = run("calm")
    assert (calm.samples_in, calm.samples_out) == (2, 1)
    assert calm.funnel[0].operator == "exclamation_filter"


def test_an_installed_package_brings_operators(project: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "acme_operators-1.0.dist-info"
    info.mkdir(parents=True)
    own = (project / "recipes/web/operators/exclamation_filter.py").read_text()
    (site / "acme_operators.py").write_text(own)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-operators\nVersion: 1.0\n")
    [(group, named)] = tomllib.loads((project / "acme/pyproject.toml").read_text())["project"]["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {module}" for name, module in named.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "plain.yaml").write_text("process: [exclamation_filter]\n")
    command = [sys.executable, "-m", "dj_assets.cli", "validate", str(tmp_path / "plain.yaml")]

    def validated(path: Path) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"COLUMNS": "300", "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)

    assert "1 operator, all well" in validated(site).stdout
    assert "unknown operator" in validated(tmp_path).stderr


def named_after(start: str) -> set[str]:
    paragraph = PAGE.partition(f"\n{start}")[2].partition("\n\n")[0]
    return set(re.findall(r"`(\w+)`", paragraph))


def test_the_page_lists_the_keys_as_the_code_has_them() -> None:
    assert named_after("Honoured:") == known_keys.HONOURED


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(((?!http)[^)#\s]*)(?:#([^)]*))?\)", page.read_text("utf-8"))
    for target, anchor in links:
        there = page.parent / target if target else page
        assert there.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(there), f"{page.name}: {target}#{anchor}"


def test_every_decision_is_listed_and_has_its_three_parts() -> None:
    folder = ROOT / "docs/decisions"
    _, *sections = (folder / "README.md").read_text("utf-8").split("\n## ")
    in_sections = [re.findall(r"\((\d{4}-[\w-]+\.md)\)", section) for section in sections]
    for section, names in zip(sections, in_sections, strict=True):
        assert names, section
        assert names == sorted(names)
    listed = sorted(name for names in in_sections for name in names)
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
    for name in listed:
        parts = re.findall(r"^\*\*(\w+)\.\*\* \S", (folder / name).read_text("utf-8"), re.MULTILINE)
        assert parts == ["Problem", "Decision", "Consequence"], name
