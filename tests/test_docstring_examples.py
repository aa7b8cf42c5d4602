"""The examples in the docstrings of the public Python interface are executed."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import dj_assets
from dj_assets.operators import base, batch, registry
from dj_assets.operators.base import Operator
from dj_assets.operators.sql import Sql
from dj_assets.subset import RunResult, run_recipe
from tests.paths import ROOT

BASES = [
    value
    for value in vars(base).values()
    if inspect.isclass(value) and value.__module__ == base.__name__ and issubclass(value, Operator | base.Statistic)
]
PUBLIC = [
    dj_assets.run_recipe,
    dj_assets.open,
    dj_assets.FinishedRun,
    run_recipe,
    RunResult,
    registry.register,
    batch.Batch,
    *BASES,
]


def test_the_base_classes_are_found() -> None:
    assert {base.Mapper, base.Filter, base.RangeFilter, base.Deduplicator} <= set(BASES)


@pytest.mark.parametrize("public", [*PUBLIC, Sql.of], ids=lambda public: f"{public.__module__}.{public.__name__}")
def test_the_example_gives_what_it_says(public: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # all operators are loaded before, so that the example adds its own alone
    registry.operator_names()
    monkeypatch.setattr(registry, "_OPERATORS", dict(registry._OPERATORS))
    module = inspect.getmodule(public)
    said: list[str] = []
    runner = doctest.DocTestRunner()
    (found,) = doctest.DocTestFinder(recurse=False).find(public, public.__name__, module, vars(module).copy())
    assert found.examples, "add an example to the docstring"
    runner.run(found, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_the_page_of_the_interface_shows_all_of_them() -> None:
    page = (ROOT / "docs/api.md").read_text("utf-8")
    shown = set(re.findall(r"(?:::: [\w.]*?|^ +- )(\w+)$", page, re.MULTILINE))
    assert {public.__name__ for public in PUBLIC} <= shown
