"""Runs that are killed in many ways at random moments, then run again: results, processes and files afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.documents import documents, write_jsonl
from tests.test_subset import contents

RECIPE = """
process:
  - clean_links_mapper:
  - character_repetition_filter: {max_ratio: 0.5}
  - text_length_filter: {min_len: 20}
  - document_line_deduplicator: {frequency_threshold: 3}
  - document_simhash_deduplicator: {window_size: 3}
"""
WAITS_S = 120
# Said by the run when it ends by a signal or because one of its processes is gone: one line, no traceback.
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Outcome:
    """What came of one kill: `kind` is same, wrong, hung, orphans or left (files); `ended` is when it was too late."""

    way: str
    after_s: float
    kind: str
    message: str = ""


@dataclass(frozen=True)
class World:
    """Source files, the result of an undisturbed run, and how long that took."""

    folder: Path
    expected: dict[str, object]
    seconds: float


def world(folder: Path, files: int = 4, samples: int = 1000) -> World:
    """Write source files and run the recipe over them once."""
    (folder / "source").mkdir(parents=True)
    for number in range(files):
        write_jsonl(folder / "source" / f"part-{number}.jsonl", documents(samples, seed=number))
    (folder / "recipe.yaml").write_text(RECIPE)
    began = time.monotonic()
    assert start(folder, folder / "undisturbed").wait(WAITS_S) == 0
    seconds = time.monotonic() - began
    return World(folder, contents(folder / "undisturbed"), seconds)


def start(folder: Path, output: Path, *more: str) -> subprocess.Popen[str]:
    """Start a run in a process group of its own; what it says goes into `<output>.log`."""
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(folder / "recipe.yaml"), "--workers", "2", *more]
    with Path(f"{output}.log").open("a") as log:
        return subprocess.Popen(
            [*command, "--input", str(folder / "source"), "--output", str(output)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )


def _family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal_some(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _twice(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)


def _stopped(process: subprocess.Popen[str]) -> None:
    group = [psutil.Process(process.pid), *_family(process)]
    _signal_some(group, signal.SIGSTOP)
    time.sleep(0.5)
    _signal_some(group, signal.SIGCONT)


def _server(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in _family(process) if child.ppid() == process.pid]


def _workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in _family(process) if child.ppid() != process.pid]


WAYS: dict[str, Callable[[subprocess.Popen[str]], None]] = {
    "SIGINT": lambda process: process.send_signal(signal.SIGINT),
    "SIGINT to the group": lambda process: os.killpg(process.pid, signal.SIGINT),
    "SIGINT twice": _twice,
    "SIGTERM": lambda process: process.send_signal(signal.SIGTERM),
    "SIGHUP": lambda process: process.send_signal(signal.SIGHUP),
    "SIGKILL": lambda process: process.send_signal(signal.SIGKILL),
    "SIGKILL to a worker": lambda process: _signal_some(_workers(process)[:1], signal.SIGKILL),
    "SIGKILL to all workers": lambda process: _signal_some(_workers(process), signal.SIGKILL),
    "SIGKILL to the fork server": lambda process: _signal_some(_server(process), signal.SIGKILL),
    "SIGKILL to the group": lambda process: os.killpg(process.pid, signal.SIGKILL),
    "SIGSTOP, SIGCONT": _stopped,
}


def attacked(process: subprocess.Popen[str], way: str, after_s: float) -> Outcome | None:
    """Kill a process after some seconds in one way; return what came of it if it hangs or leaves processes."""
    time.sleep(after_s)
    family = _family(process)
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        WAYS[way](process)
    try:
        process.wait(WAITS_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return Outcome(way, after_s, "hung", "after the signal")
    _, alive = psutil.wait_procs(family, timeout=10)
    if alive:
        _signal_some(alive, signal.SIGKILL)
        return Outcome(way, after_s, "orphans", f"{[child.cmdline()[:3] for child in alive]}")
    return None


def killed(world: World, way: str, after_s: float) -> Outcome:
    """Start a run, kill it after some seconds in one way, and run it again to its end."""
    output = world.folder / f"out-{way.replace(' ', '-').replace(',', '')}-{after_s:.3f}"
    bad = attacked(start(world.folder, output), way, after_s)
    if bad is not None:
        return bad
    said = Path(f"{output}.log").read_text()
    # Python itself cannot be interrupted without one before it runs the command
    if _TRACEBACK in said and "dj_assets" in said.partition(_TRACEBACK)[2]:
        return Outcome(way, after_s, "wrong", said[-600:])
    again = start(world.folder, output)
    try:
        code = again.wait(WAITS_S)
    except subprocess.TimeoutExpired:
        os.killpg(again.pid, signal.SIGKILL)
        return Outcome(way, after_s, "hung", "in the run after it")
    if code or contents(output) != world.expected:
        return Outcome(way, after_s, "wrong", Path(f"{output}.log").read_text()[-600:])
    left = [path.name for path in output.rglob("*") if "tmp" in path.name or path.name == ".staging"]
    return Outcome(way, after_s, "left" if left else "same", ", ".join(left))


def moments(world: World, number: int, seed: int = 0) -> list[tuple[str, float]]:
    """Return ways and moments, every way about equally often, at any moment of an undisturbed run."""
    chosen = random.Random(seed)
    ways = [*WAYS] * (number // len(WAYS) + 1)
    return [(way, chosen.uniform(0.05, world.seconds)) for way in ways[:number]]
