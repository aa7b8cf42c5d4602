from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dj_assets import settings


@pytest.mark.parametrize(
    ("content", "cpus"),
    [("800000 100000\n", 8), ("150000 100000\n", 2), ("50000 100000\n", 1), ("max 100000\n", None), ("", None)],
)
def test_the_quota_of_a_container_is_read(tmp_path, content, cpus):
    (tmp_path / "cpu.max").write_text(content)
    assert settings.cpu_quota(tmp_path / "cpu.max") == cpus


def test_without_a_quota_the_workers_are_the_cpus_of_the_process(tmp_path):
    assert settings.cpu_quota(tmp_path / "none") is None
    assert 1 <= settings.default_workers() <= len(os.sched_getaffinity(0))


def test_one_machine_decides_what_half_its_memory_holds(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000000\n")
    assert settings.memory_bytes(tmp_path / "memory.max") == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    whole = settings.memory_bytes(tmp_path / "memory.max")
    assert whole == settings.memory_bytes(tmp_path / "none") > 100_000_000
    monkeypatch.delenv("DJ_ONE_NODE_SAMPLES", raising=False)
    assert settings.one_node_samples() == settings.memory_bytes() // 2 // settings.DECIDED_BYTES
    monkeypatch.setenv("DJ_ONE_NODE_SAMPLES", "0")
    assert settings.one_node_samples() == 0


@pytest.mark.parametrize("enters", ["from dj_assets.cli import main; main()", "import dj_assets.definitions"])
def test_matrices_are_multiplied_by_one_thread(enters: str) -> None:
    """NumPy starts its threads when it is imported; a run with one worker multiplies in the process of the command."""
    code = f"""
import ctypes, sys
sys.argv = ["dj-assets", "--version"]
try:
    {enters}
except SystemExit:
    pass
import numpy
[blas, *_] = [line.split()[-1] for line in open("/proc/self/maps") if "openblas" in line]
print(ctypes.CDLL(blas).scipy_openblas_get_num_threads64_())
"""
    free = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for given, threads in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")):
        done = subprocess.run(
            [sys.executable, "-c", code], env=free | given, capture_output=True, text=True, check=True
        )
        assert done.stdout.split()[-1] == threads
