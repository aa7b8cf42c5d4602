"""Runs that end by signals, or lose a process, at random moments: the next run gives the result of an undisturbed one.

`tests/e2e/test_kill.py` kills at the moments that matter, and looks at what is measured again. `make hostile` kills 100
times.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import kills

QUICK = (
    "SIGINT twice",
    "SIGTERM",
    "SIGKILL to all workers",
    "SIGKILL to a process that decodes",
    "SIGKILL to the fork server",
    "SIGSTOP, SIGCONT",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> kills.World:
    return kills.world(tmp_path_factory.mktemp("killed") / "world", files=3, samples=300, images=True)


@pytest.mark.parametrize("way", QUICK)
def test_the_run_after_a_kill_gives_the_same_result(world: kills.World, way: str) -> None:
    after_s = random.Random(way).uniform(0.1, 0.9) * world.seconds
    outcome = kills.killed(world, way, after_s)
    # on a busy machine a moment may come too late
    assert outcome.kind in {"same", "missed"}, outcome


LEAVES = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[1] == "orphans":
    subprocess.Popen(["sleep", "600"], start_new_session=True)
print("ready", flush=True)
time.sleep(0 if sys.argv[1] == "orphans" else 600)
"""


@pytest.mark.parametrize("kind", ["hung", "orphans"])
def test_what_hangs_and_what_is_left_is_noticed_and_ended(tmp_path: Path, monkeypatch: Any, kind: str) -> None:
    monkeypatch.setattr(kills, "LEFT_S", 0.3)
    process = kills.started([sys.executable, "-c", LEAVES, kind], tmp_path / "log")
    while "ready" not in (tmp_path / "log").read_text():
        time.sleep(0.02)
    outcome = kills.attacked(process, "SIGTERM", 0.0, patience_s=1)
    assert outcome is not None
    assert outcome.kind == kind
    assert "sleep" in outcome.message
    assert kills.marked(process.mark) == []


def test_an_interrupt_while_modules_load_is_one_line() -> None:
    code = "import builtins, sys\nreal = builtins.__import__\n"
    code += (
        "def interrupted(name, *more):\n    if name == 'typer': raise KeyboardInterrupt\n    return real(name, *more)\n"
    )
    code += "builtins.__import__ = interrupted\nfrom dj_assets.cli import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
