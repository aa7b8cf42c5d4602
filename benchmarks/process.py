"""Running a command and measuring it from outside: wall time, CPU time and memory of the whole process tree.

Processes whose parent ends before them come to this one, so that the CPU time of all of them is counted.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_S = 0.1
# Every n-th sample is of the shared pages, too, for which the system visits all of them.
_SHARED_EVERY = 5
# So long a process may outlive the command.
ORPHANS_S = 10
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Measured:
    """One run. Memory is sampled ten times a second: of the largest process, and of all together.

    `all_mb` counts what processes share once for each of them. `pss_mb` counts it once; it is sampled twice a second,
    and is 0 where the system does not tell it.
    """

    wall_s: float
    cpu_s: float
    largest_mb: float
    all_mb: float
    pss_mb: float


class FailedRunError(Exception):
    """A measured command failed; the message ends with what it wrote last."""


def command_line(module: str) -> str:
    """Return how this benchmark was called, as one would call it again."""
    return " ".join(["python -m", f"benchmarks.{module}", *sys.argv[1:]])


def run(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Measured:
    """Run a command to its end, what it writes going to `log`.

    Raises
    ------
    FailedRunError
        If it exits with another status than 0.
    """
    _adopt_orphans()
    before = os.times()
    started = time.perf_counter()
    largest = together = shared_once = count = 0
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=env, cwd=cwd) as process:
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            sizes = _sizes(tree)
            largest, together = max(largest, *sizes), max(together, sum(sizes))
            if count % _SHARED_EVERY == 0:
                shared_once = max(shared_once, _proportional(tree))
            count += 1
            time.sleep(SAMPLE_S)
    wall = time.perf_counter() - started
    _bury_orphans()
    after = os.times()
    if process.returncode:
        tail = log.read_text("utf-8", "replace").splitlines()[-5:]
        raise FailedRunError(f"{command[0]} exited with {process.returncode}: " + " | ".join(tail))
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(round(wall, 2), round(cpu, 2), *(round(size / 1e6, 1) for size in (largest, together, shared_once)))


def _adopt_orphans() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this process cannot adopt orphans")


def _bury_orphans() -> None:
    """Wait for processes that the command left behind, as long as they end by themselves."""
    end = time.monotonic() + ORPHANS_S
    with suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(SAMPLE_S)


def _sizes(tree: psutil.Process) -> list[int]:
    sizes = [0]
    with suppress(psutil.NoSuchProcess):
        sizes.extend(process.memory_info().rss for process in (tree, *tree.children(recursive=True)))
    return sizes


def _proportional(tree: psutil.Process) -> int:
    """Return the bytes of all processes, with what n processes share as an n-th for each."""
    total = 0
    with suppress(psutil.NoSuchProcess, OSError):
        for process in (tree, *tree.children(recursive=True)):
            with suppress(OSError):
                lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii").splitlines()
                total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total
