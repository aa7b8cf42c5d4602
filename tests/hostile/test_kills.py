"""Runs that end by signals, or lose a process, at random moments: the next run gives the result of an undisturbed one.

`tests/e2e/test_kill.py` kills at the moments that matter, and looks at what is measured again. `make hostile` kills 100
times.
"""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tests.hostile import kills

QUICK = (
    "SIGINT twice",
    "SIGTERM",
    "SIGKILL to all workers",
    "SIGKILL to the fork server",
    "SIGSTOP, SIGCONT",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> kills.World:
    return kills.world(tmp_path_factory.mktemp("killed") / "world", files=3, samples=300)


@pytest.mark.parametrize("way", QUICK)
def test_the_run_after_a_kill_gives_the_same_result(world: kills.World, way: str) -> None:
    after_s = random.Random(way).uniform(0.1, 0.9) * world.seconds
    outcome = kills.killed(world, way, after_s)
    assert outcome.kind == "same", outcome


def test_an_interrupt_while_modules_load_is_one_line() -> None:
    code = "import builtins, sys\nreal = builtins.__import__\n"
    code += (
        "def interrupted(name, *more):\n    if name == 'typer': raise KeyboardInterrupt\n    return real(name, *more)\n"
    )
    code += "builtins.__import__ = interrupted\nfrom dj_assets.cli import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
