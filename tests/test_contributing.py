"""Files for contributors are true: hooks, templates, the version, and the example of an operator."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

import dj_assets
from dj_assets.models.store import ModelStore
from dj_assets.operators import registry
from dj_assets.operators.batch import Batch
from tests.paths import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
TEMPLATES = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
SEMVER = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?"
# As GitHub documents the forms of issues.
FIELDS = {"textarea", "input", "checkboxes", "dropdown", "markdown"}


def recipe_of(target: str) -> list[str]:
    """Return the commands of a target of the Makefile."""
    text = (ROOT / "Makefile").read_text("utf-8")
    (lines,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    return [line.strip().replace("$(BIN)/", ".venv/bin/") for line in lines.splitlines()]


def test_the_hooks_are_the_commands_of_make_check() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == recipe_of("check")
    assert {(hook["language"], hook["pass_filenames"]) for hook in hooks} == {("system", False)}


def test_the_guide_names_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", GUIDE))
    assert named
    assert named <= targets


def test_files_and_folders_that_the_guide_names_exist() -> None:
    named = {name for name in re.findall(r"`([\w./-]+)`", GUIDE) if "/" in name and not name.startswith("..")}
    named |= {target for target in re.findall(r"\]\(([^)]+)\)", GUIDE) if not target.startswith("http")}
    assert len(named) > 5
    assert [name for name in sorted(named) if name != ".venv" and not (ROOT / name).exists()] == []


def test_the_operator_of_the_guide_works(monkeypatch: pytest.MonkeyPatch) -> None:
    # all operators are loaded before, so that the example adds its own alone
    registry.operator_names()
    monkeypatch.setattr(registry, "_OPERATORS", dict(registry._OPERATORS))
    (code,) = re.findall(r"^   ```python\n(.*?)^   ```$", GUIDE, re.MULTILINE | re.DOTALL)
    namespace: dict[str, Any] = {"__name__": "example"}
    exec(compile(re.sub("^   ", "", code, flags=re.MULTILINE), "CONTRIBUTING.md", "exec", dont_inherit=True), namespace)
    operator = registry.find("line_count_filter")(min_num=1)
    found = operator.measure(Batch.of_texts(["", "one\ntwo\n"], ModelStore()))
    assert found["line_count"].to_pylist() == [0, 2]
    assert operator.condition.low == 1


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_issue_forms_have_what_github_asks_for(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids))
    for field in form["body"]:
        assert field["type"] in FIELDS
        assert field["attributes"]["label"]


def test_there_is_a_form_for_each_kind_of_issue() -> None:
    assert [path.stem for path in TEMPLATES] == ["bug", "operator", "recipe"]


def test_the_newest_released_version_is_that_of_the_package() -> None:
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    released = [re.fullmatch(rf"\[({SEMVER})\] - \d{{4}}-\d\d-\d\d", head) for head in heads if head != "[Unreleased]"]
    assert all(released), "a heading is '[Unreleased]' or '[VERSION] - DATE'"
    assert released[0][1] == dj_assets.__version__
    assert "[Unreleased]" not in heads[1:]


def test_the_version_has_one_source() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" not in settings["project"]
    assert settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "dj_assets.__version__"}
    assert re.fullmatch(SEMVER, dj_assets.__version__)


def test_type_information_is_part_of_the_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert resources.files("dj_assets").joinpath("py.typed").is_file()
    assert "py.typed" in settings["tool"]["setuptools"]["package-data"]["dj_assets"]
