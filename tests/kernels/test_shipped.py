from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dj_assets.kernels import shipped
from tests.paths import ROOT

AVX2 = dict.fromkeys(shipped._BASELINES["x86_64"].features, True)
# Two kernels of a process, and whether they were loaded.
CALL = """
import numpy as np
from dj_assets.kernels.components import components
components(1, np.empty(0, np.int64), np.empty(0, np.int64))
print(sum(components.stats.cache_hits.values()), sum(components.stats.cache_misses.values()))
"""


def test_processors_share_a_baseline() -> None:
    found = shipped.baseline("x86_64", AVX2 | {"avx512f": True})
    assert found and found.processor == "x86-64-v3"
    assert shipped.baseline("x86_64", AVX2 | {"avx2": False}) is None
    arm = shipped.baseline("aarch64", {})
    assert arm and arm.processor == "generic"
    assert shipped.baseline("riscv64", {}) is None


def test_a_set_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = shipped._baseline()
    assert chosen
    monkeypatch.setenv("NUMBA_CPU_NAME", chosen.processor)
    shipped.describe(tmp_path, 7, 1)
    assert shipped.misfit(tmp_path, 7) is None
    assert shipped.misfit(tmp_path, 8) == "a module with kernels was changed"
    assert shipped.misfit(tmp_path / "cp399-linux", 7) == "there are none for cp399-linux"
    (tmp_path / "about.json").write_text(json.dumps({"numba": "0.1", "stamp": 7, "functions": 1}))
    assert str(shipped.misfit(tmp_path, 7)).startswith("they are for numba 0.1, and ")
    monkeypatch.setenv("NUMBA_CPU_NAME", "znver9")
    assert shipped.misfit(tmp_path, 7) == "NUMBA_CPU_NAME is znver9"
    monkeypatch.setenv("DJ_KERNELS", "own")
    assert shipped.misfit(tmp_path, 7) == "DJ_KERNELS is not 'shipped'"


def test_kernels_of_the_user_are_announced_once(tmp_path: Path) -> None:
    def run(**more: str) -> tuple[str, str]:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path), **more}
        done = subprocess.run(
            [sys.executable, "-c", CALL], capture_output=True, text=True, check=True, env=variables, timeout=300
        )
        return done.stdout.strip(), done.stderr

    note = "note: kernels are compiled once, which takes about a minute: DJ_KERNELS is not 'shipped'\n"
    assert run(DJ_KERNELS="own") == ("0 1", note)
    assert run(DJ_KERNELS="own") == ("1 0", "")
    # for another processor, without a second word
    assert run(DJ_KERNELS="own", NUMBA_CPU_NAME="generic") == ("0 1", "")
