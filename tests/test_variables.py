"""Variables are declared once, read through their declarations, and listed without secrets."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dj_assets import settings, variables
from dj_assets.errors import UserError
from dj_assets.recipe.configured import settings_in_effect, unknown_variables
from dj_assets.reference.configuration_docs import render_configuration
from tests.paths import ROOT

PACKAGE = ROOT / "dj_assets"
DECLARATIONS = PACKAGE / "variables.py"
NAMED = re.compile(r"\bDJ_[A-Z0-9]+(?:_[A-Z0-9]+)*(?:_<SUBSET>)?")
PAGES = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.yaml"), ROOT / "README.md", ROOT / "Makefile"]


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != DECLARATIONS:
            yield path, ast.parse(path.read_text("utf-8"))


def direct_reads(tree: ast.AST) -> list[int]:
    """Return the lines that read the environment; handing all of it to a child, and writing to it, are no reads."""
    allowed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            allowed |= {id(value) for key, value in zip(node.keys, node.values, strict=True) if key is None}
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            allowed.add(id(node.value))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault":
            allowed.add(id(node.func.value))
    return [
        node.lineno
        for node in ast.walk(tree)
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "environb", "getenv"}
            and id(node) not in allowed
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {a.name for a in node.names} & {"environ", "getenv"}
        )
    ]


@pytest.mark.parametrize(
    "code", ["os.environ['DJ_A']", "os.environ.get(name)", "os.getenv('X')", "from os import environ", "f(os.environ)"]
)
def test_a_direct_read_is_found(code: str) -> None:
    assert direct_reads(ast.parse(code)) == [1]


@pytest.mark.parametrize(
    "code", ["{**os.environ, 'A': '1'}", "os.environ['A'] = '1'", "os.environ.setdefault('A', '1')"]
)
def test_writing_and_handing_on_are_no_reads(code: str) -> None:
    assert direct_reads(ast.parse(code)) == []


def test_no_module_reads_the_environment_past_the_declarations() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path, tree in modules() for line in direct_reads(tree)]
    assert found == [], "declare the variable in dj_assets/variables.py and call .given() on it"


def test_no_module_names_a_variable_in_a_string_of_its_own() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"DJ_\w*", node.value)
    ]
    assert found == [], "use the declaration's .name"


def test_every_variable_that_code_and_pages_mention_is_declared() -> None:
    texts = [*PACKAGE.rglob("*.py"), *PAGES]
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in texts
        for name in NAMED.findall(path.read_text("utf-8"))
        if not any(variable.stands_for(name) for variable in variables.ALL)
    }
    assert unknown == set()


def test_every_declared_variable_is_read() -> None:
    constants = {
        name
        for name, value in vars(variables).items()
        if isinstance(value, variables.Variable) and value not in variables.SECRETS
    }
    read = {
        node.attr
        for path, tree in modules()
        if path.name != "configured.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "variables"
    }
    assert constants - read == set()


def test_every_declaration_is_in_one_group_and_says_what_it_is() -> None:
    declared = [value for value in vars(variables).values() if isinstance(value, variables.Variable)]
    assert sorted(variable.name for variable in variables.ALL) == sorted(variable.name for variable in declared)
    for variable in declared:
        assert variable.about.endswith("."), variable.name
        assert variable.unit, variable.name


def test_the_page_is_as_new_as_the_declarations() -> None:
    assert (ROOT / "docs/configuration.md").read_text("utf-8") == render_configuration(), "run 'make docs'"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in variables.own_values():
        monkeypatch.delenv(name)
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    return tmp_path


def listed() -> dict[str, tuple[object, str]]:
    return {setting.name: (setting.value, setting.origin) for setting in settings_in_effect()}


def test_the_origin_is_the_default_or_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_NIGHTLY", "0 4 * * *")
    monkeypatch.setenv("DJ_RECIPES", "/more:/most")
    monkeypatch.setenv("DJ_ENGINE", "")
    found = listed()
    assert found["DJ_PROJECT"] == (str(project), "environment")
    assert found["DJ_HOME"] == (str(project / "data_home"), "default")
    assert found["DJ_RECIPES"] == ([str(project / "recipes"), "/more", "/most"], "environment")
    assert found["DJ_NIGHTLY"] == ("0 4 * * *", "environment")
    assert found["DJ_ENGINE"] == ("local", "default")
    assert found["DJ_SENSOR_SECONDS"] == (30, "default")
    assert found["DJ_SOURCE_<SUBSET>"] == (None, "default")


def test_sources_come_from_the_file_unless_the_environment_names_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "sources.yaml").write_text("c4: /a\nnews: [/b, /c]\nnews.against: {path: /d}\nown: {subset: c4}\n")
    monkeypatch.setenv("DJ_SOURCE_C4", "s3://b/x:/e")
    found = listed()
    assert {name: value for name, value in found.items() if name.startswith(("DJ_SOURCE", "DJ_AGAINST"))} == {
        "DJ_SOURCE_C4": (["s3://b/x", "/e"], "environment"),
        "DJ_SOURCE_NEWS": (["/b", "/c"], "file"),
        "DJ_SOURCE_OWN": (["c4"], "file"),
        "DJ_AGAINST_NEWS": (["/d"], "file"),
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DJ_MEDIA_SECONDS", "soon", "'soon' is not a number above 0 (seconds)"),
        ("DJ_MEDIA_SECONDS", "nan", "'nan' is not a number above 0 (seconds)"),
        ("DJ_SHARDS_A_RUN", "0", "'0' is not a whole number of at least 1 (shards)"),
        ("DJ_SENSOR_SECONDS", "1.5", "'1.5' is not a whole number of at least 0 (seconds)"),
        ("DJ_ENGINE", "spark", "'spark' is not one of local, ray"),
    ],
)
def test_a_value_that_cannot_be_used_has_a_problem(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    assert [setting.problem for setting in settings_in_effect() if setting.problem] == [f"{name}: {problem}"]


def test_a_broken_sources_file_has_a_problem(project: Path) -> None:
    (project / "sources.yaml").write_text("c4: [\n")
    problems = [setting for setting in settings_in_effect() if setting.problem]
    assert [(setting.name, setting.origin) for setting in problems] == [
        ("DJ_SOURCE_<SUBSET>", "file"),
        ("DJ_AGAINST_<SUBSET>", "file"),
    ]


def test_a_number_that_is_none_is_one_line_that_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_ONE_NODE_SAMPLES", "-1")
    with pytest.raises(UserError, match="DJ_ONE_NODE_SAMPLES: '-1' is not a whole number of at least 0"):
        settings.one_node_samples()


def test_unknown_variables_are_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_HOMER", "x")
    monkeypatch.setenv("DJ_SOURCE_C4", "/a")
    assert unknown_variables() == ["DJ_HOMER is not a variable of this package; did you mean DJ_HOME?"]


def config(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DJ_")}
    return subprocess.run(
        [sys.executable, "-m", "dj_assets.cli", "config", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=kept | {"DJ_PROJECT": str(project), "COLUMNS": "250"} | environment,
        cwd=ROOT,
    )


def test_the_command_lists_every_variable_and_no_secret(project: Path) -> None:
    secrets = {variable.name: f"hidden-{number}" for number, variable in enumerate(variables.SECRETS)}
    assert len(secrets) > 5
    for arguments in ((), ("--json",)):
        done = config(project, *arguments, **secrets, DJ_NIGHTLY="0 5 * * *")
        assert done.returncode == 0, done.stderr
        assert "hidden" not in done.stdout + done.stderr
        assert "0 5 * * *" in done.stdout
        for variable in variables.ALL:
            assert variable.name in done.stdout
    shown = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert {shown[name]["value"] for name in secrets} == {"set"}
    assert set(shown["DJ_HOME"]) == {"group", "name", "value", "origin", "unit", "default", "about", "problem"}


def test_the_command_exits_2_over_values_that_cannot_be_used_and_repeats_no_credentials(project: Path) -> None:
    faulty = {
        "DJ_HOME": "s3://me:hidden@bucket",
        "DJ_S3_ENDPOINT": "http://me:hidden@host",
        "DJ_SOURCE_A": "s3://hidden@b",
    }
    for arguments in ((), ("--json",)):
        done = config(project, *arguments, **faulty)
        assert done.returncode == 2
        assert "hidden" not in done.stdout + done.stderr
        assert "error: DJ_S3_ENDPOINT: must not carry credentials" in done.stderr
