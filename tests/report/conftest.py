"""One small run, shared by the tests of this room."""

from __future__ import annotations

import pytest

from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult
from tests.report.published import run_small


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, RunResult]:
    return run_small(tmp_path_factory.mktemp("small"))
