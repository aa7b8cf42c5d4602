from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import code_metrics
from benchmarks.code_metrics import main, metrics, modules, sources, table

FIRST = '''from typing import Any, cast


class One:
    """A class."""

    def typed(self, number: int, *more: str) -> Any:
        """Say something."""

        def inner(x, *, y: int) -> None:  # noqa: ANN001
            pass

        return cast("Any", inner)
'''
SECOND = "async def short() -> int:\n    return 1  # type: ignore[return-value]\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, source in {"__init__.py": '"""A package."""\n', "one.py": FIRST, "deep/two.py": SECOND}.items():
        path = tmp_path / "tree/package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path / "tree"


def test_figures_of_a_small_package(tree):
    figures = metrics(modules(sources(str(tree), "package")))
    assert figures == {
        "modules": 2,
        "lines": 15,
        "lines of a module, median": 7.5,
        "lines of a module, max": 13,
        "functions": 3,
        "lines of a function, median": 2,
        "lines of a function, max": 7,
        "functions annotated, %": pytest.approx(200 / 3),
        "Any": 2,
        "noqa": 1,
        "type: ignore": 1,
    }


def test_a_revision_is_compared_with_a_folder(tree, capsys, monkeypatch):
    monkeypatch.setattr(code_metrics, "ROOT", tree)
    git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    (tree / "package/three.py").write_text(SECOND)
    monkeypatch.setattr(sys, "argv", ["code_metrics", "HEAD", str(tree), "--package", "package"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"|  | HEAD | {tree} | change |"
    assert "| modules | 2 | 3 | +1 |" in lines
    assert "| lines | 15 | 17 | +2 |" in lines
    assert "| lines of a module, median | 7.5 | 2 | -5.5 |" in lines
    assert "| noqa | 1 | 1 | +0 |" in lines


@pytest.mark.parametrize("named", ["no-such-revision", "."])
def test_a_tree_that_is_not_there_is_a_mistake(named, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["code_metrics", named, "--package", "no_such_package"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert named in capsys.readouterr().err


def test_one_tree_has_no_change():
    assert table({"now": {"modules": 3.0}}) == "|  | now |\n| --- | --: |\n| modules | 3 |"
