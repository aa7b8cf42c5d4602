"""Runs that are killed in many ways at random moments, then run again: results, processes and files afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.documents import documents, write_jsonl
from tests.media import made
from tests.test_subset import contents

RECIPE = """
process:
  - clean_links_mapper:
  - character_repetition_filter: {max_ratio: 0.5}
  - text_length_filter: {min_len: 20}
  - document_line_deduplicator: {frequency_threshold: 3}
  - document_simhash_deduplicator: {window_size: 3}
"""
# With images, each worker has a process of its own that decodes them.
OF_IMAGES = "  - image_shape_filter: {min_width: 40}\n  - image_deduplicator: {method: dhash}\n"
IMAGES = 12
WAITS_S, LEFT_S = 120.0, 10.0
MARK = "HOSTILE_RUN"
# Said by the run when it ends by a signal or because one of its processes is gone: one line, no traceback.
_TRACEBACK = "Traceback (most recent call last)"


class Started(subprocess.Popen[str]):
    """A process in a group of its own. Its environment marks it and all that come of it, also those that leave it."""

    def __init__(self, command: Sequence[str], log: Path, cwd: Path | None, environment: Mapping[str, str]) -> None:
        self.mark = uuid.uuid4().hex
        with log.open("a") as said:
            super().__init__(
                command,
                cwd=cwd,
                env={**os.environ, **environment, MARK: self.mark},
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )


@dataclass(frozen=True)
class Outcome:
    """What came of one kill: `kind` is same, wrong, hung, orphans, left (files), or missed: no such process."""

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


def world(folder: Path, files: int = 4, samples: int = 1000, *, images: bool = False) -> World:
    """Write source files, some of whose samples list images, and run the recipe over them: see `fastest`."""
    write_source(folder / "source", files, samples, images=images)
    (folder / "recipe.yaml").write_text(RECIPE + OF_IMAGES * images)
    seconds = fastest(lambda output: start(folder, output), folder, WAITS_S)
    return World(folder, contents(folder / "undisturbed-0"), seconds)


def fastest(started_in: Callable[[Path], Started], folder: Path, patience_s: float) -> float:
    """Return the seconds of the faster of two undisturbed runs: kills that come later find nothing to kill."""
    seconds = []
    for number in range(2):
        began = time.monotonic()
        assert started_in(folder / f"undisturbed-{number}").wait(patience_s) == 0
        seconds.append(time.monotonic() - began)
    return min(seconds)


def write_source(folder: Path, files: int, samples: int, *, images: bool) -> None:
    """Write files of samples; with `images`, some of them list images."""
    names = [made.image(folder / f"{n}.png", width=30 + 5 * n, seed=n).name for n in range(IMAGES * images)]
    for number in range(files):
        records = documents(samples, seed=number)
        for at, name in enumerate(names):
            records[at * samples // IMAGES]["images"] = [name, names[number]]
        write_jsonl(folder / f"part-{number}.jsonl", records)


def start(folder: Path, output: Path, *more: str) -> Started:
    """Start a run in a process group of its own; what it says goes into `<output>.log`."""
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(folder / "recipe.yaml"), "--workers", "2", *more]
    arguments = ["--input", *sorted(map(str, (folder / "source").glob("*.jsonl"))), "--output", str(output)]
    return started([*command, *arguments], Path(f"{output}.log"))


def started(command: Sequence[str], log: Path, cwd: Path | None = None, **environment: object) -> Started:
    """Start a command, which says everything into a file."""
    return Started(command, log, cwd, {name: str(value) for name, value in environment.items()})


def _family(process: Started) -> list[psutil.Process]:
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


def _twice(process: Started) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)


def _stopped(process: Started) -> None:
    group = [psutil.Process(process.pid), *_family(process)]
    _signal_some(group, signal.SIGSTOP)
    time.sleep(0.5)
    _signal_some(group, signal.SIGCONT)


# In the command of the fork server, which workers have from it.
SERVER = "dj_assets.measure.fork_server"


def _measuring(process: Started) -> dict[int, psutil.Process]:
    """Return the fork servers and all that come of them, by id, wherever they are in the family."""
    found: dict[int, psutil.Process] = {}
    for child in _family(process):
        with contextlib.suppress(psutil.Error):
            if child.ppid() in found or SERVER in " ".join(child.cmdline()):
                found[child.pid] = child
    return found


def _below(process: Started, depth: int) -> list[psutil.Process]:
    """Return the processes at a depth: 0 for fork servers, 1 for workers, 2 for those that decode for a worker."""
    found = _measuring(process)
    depths: dict[int, int] = {}
    for pid, child in found.items():
        with contextlib.suppress(psutil.Error):
            depths[pid] = depths.get(child.ppid(), -1) + 1
    return [child for pid, child in found.items() if depths.get(pid) == depth]


def _server(process: Started) -> list[psutil.Process]:
    return _below(process, 0)


def _workers(process: Started) -> list[psutil.Process]:
    return _below(process, 1)


def _decoding(process: Started) -> list[psutil.Process]:
    return _below(process, 2)


Find = Callable[[Started], list[psutil.Process]]


def _kill(find: Find, most: int | None = None) -> Callable[[Started], bool]:
    """Return a way that waits until there are such processes, and kills them."""

    def way(process: Started) -> bool:
        found: list[psutil.Process] = []
        while not found and process.poll() is None:
            found = find(process)
            time.sleep(0.01)
        _signal_some(found[:most], signal.SIGKILL)
        return bool(found)

    return way


def _send(send: Callable[[Started], object]) -> Callable[[Started], bool]:
    def way(process: Started) -> bool:
        running = process.poll() is None
        send(process)
        return running

    return way


# Each returns whether there was something to kill.
WAYS: dict[str, Callable[[Started], bool]] = {
    "SIGINT": _send(lambda process: process.send_signal(signal.SIGINT)),
    "SIGINT to the group": _send(lambda process: os.killpg(process.pid, signal.SIGINT)),
    "SIGINT twice": _send(_twice),
    "SIGTERM": _send(lambda process: process.send_signal(signal.SIGTERM)),
    "SIGHUP": _send(lambda process: process.send_signal(signal.SIGHUP)),
    "SIGKILL": _send(lambda process: process.send_signal(signal.SIGKILL)),
    "SIGKILL to a worker": _kill(_workers, 1),
    "SIGKILL to all workers": _kill(_workers),
    "SIGKILL to a process that decodes": _kill(_decoding, 1),
    "SIGKILL to the fork server": _kill(_server),
    "SIGKILL to the group": _send(lambda process: os.killpg(process.pid, signal.SIGKILL)),
    "SIGSTOP, SIGCONT": _send(_stopped),
}


def attacked(process: Started, way: str, after_s: float, patience_s: float = WAITS_S) -> Outcome | None:
    """Kill a process after some seconds in one way; return what came of it if it hangs or leaves processes."""
    time.sleep(after_s)
    hit = False
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        hit = WAYS[way](process)
    bad = hung(process, way, after_s, "after the signal", patience_s)
    if bad is not None:
        return bad
    until = time.monotonic() + LEFT_S
    while (alive := marked(process.mark)) and time.monotonic() < until:
        time.sleep(0.1)
    if alive:
        shown = _shown(alive)
        _signal_some(alive, signal.SIGKILL)
        return Outcome(way, after_s, "orphans", shown)
    return None if hit else Outcome(way, after_s, "missed")


def hung(process: Started, way: str, after_s: float, when: str, patience_s: float = WAITS_S) -> Outcome | None:
    """Wait for the end of a process; if it does not come, end it with all that came of it, and return that it hung."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        family = marked(process.mark)
        shown = _shown(family)
        _signal_some(family, signal.SIGKILL)
        process.wait()
        return Outcome(way, after_s, "hung", f"{when}, after {patience_s:.0f} s: {shown}")
    return None


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes with a mark."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _shown(processes: Sequence[psutil.Process]) -> str:
    shown = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            shown.append(f"{process.pid} of {process.ppid()} {process.status()} {' '.join(process.cmdline())[-60:]}")
    return "; ".join(shown)


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
    bad = hung(again, way, after_s, "in the run after it")
    if bad is not None:
        return bad
    if again.returncode or contents(output) != world.expected:
        return Outcome(way, after_s, "wrong", Path(f"{output}.log").read_text()[-600:])
    left = [path.name for path in output.rglob("*") if "tmp" in path.name or path.name == ".staging"]
    return Outcome(way, after_s, "left" if left else "same", ", ".join(left))


def moments(seconds: float, number: int, seed: int = 0) -> list[tuple[str, float]]:
    """Return ways and moments, every way about equally often, in the first nine tenths of a run of some seconds."""
    chosen = random.Random(seed)
    ways = [*WAYS] * (number // len(WAYS) + 1)
    return [(way, chosen.uniform(0.05, 0.9 * seconds)) for way in ways[:number]]
