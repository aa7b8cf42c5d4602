"""Power that fails at random moments: everything that was not synced is cut, then the run is started again.

`strace` records which files are written and synced. When the power fails, all processes are killed, and each file below
the output that was written since it was last synced loses a random part of its end.
"""

from __future__ import annotations

import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.hostile import kills
from tests.test_subset import contents

_CALLS = "write,writev,pwrite64,pwritev,ftruncate,copy_file_range,fsync,fdatasync,rename,renameat,renameat2,link,linkat"
_LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
_FILE = re.compile(r"^\d+<(/[^>]*)>")
_NAMES = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SYNCS = {"fsync", "fdatasync"}


def traced(world: kills.World, output: Path, log: Path, most_calls: float) -> int:
    """Run under `strace` until its log has so many calls, or to the end; return the number of calls."""
    command = ["strace", "-f", "-y", "-qq", "-s", "0", "-e", f"trace={_CALLS}", "-o", str(log)]
    command += [sys.executable, "-m", "dj_assets.cli", "run", str(world.folder / "recipe.yaml"), "--workers", "2"]
    run = subprocess.Popen(
        [*command, "--input", str(world.folder / "source"), "--output", str(output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    calls = 0
    while calls < most_calls and run.poll() is None:
        time.sleep(0.01)
        calls = log.read_bytes().count(b"\n") if log.exists() else 0
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return calls


def lost(world: kills.World, after_calls: int, seed: int) -> kills.Outcome:
    """Let the power fail after some calls of the file system, and run again to the end."""
    output, log = world.folder / f"power-{seed}", world.folder / f"power-{seed}.strace"
    traced(world, output, log, after_calls)
    cut = _cut(unsynced(log.read_text(errors="replace").splitlines()), output, random.Random(seed))
    again = kills.start(world.folder, output)
    bad = kills.hung(again, "power loss", after_calls, "in the run after it")
    if bad is not None:
        return bad
    if again.returncode or contents(output) != world.expected:
        return kills.Outcome("power loss", after_calls, "wrong", f"{cut}: {Path(f'{output}.log').read_text()[-600:]}")
    return kills.Outcome("power loss", after_calls, "same", f"{len(cut)} files cut")


def unsynced(calls: Iterable[str]) -> set[str]:
    """Return the paths of files that were written since they were last synced, as they are named at the end.

    A call that did not return counts as a write that happened, and as a sync that did not.
    """
    dirty: set[str] = set()
    syncing: dict[str, str] = {}
    for line in calls:
        found = _LINE.match(line)
        if found is None:
            continue
        process, resumed, call, rest = found.groups()
        file = _FILE.match(rest or "")
        if resumed in _SYNCS and rest.endswith("= 0"):
            dirty.discard(syncing.pop(process, ""))
        elif call in _SYNCS and file:
            if rest.endswith("= 0"):
                dirty.discard(file[1])
            else:
                syncing[process] = file[1]
        elif call and call.startswith(("rename", "link")) and " = -1" not in rest:
            old, new = _NAMES.findall(rest)[:2]
            moved = {path for path in dirty if path == old or path.startswith(f"{old}/")}
            dirty |= {new + path.removeprefix(old) for path in moved}
            if call.startswith("rename"):
                dirty -= moved
        elif call and file:
            dirty.add(file[1])
    return dirty


def _cut(paths: Iterable[str], output: Path, chosen: random.Random) -> list[str]:
    """Cut files below the output at random lengths; return their names."""
    files = sorted(path for path in map(Path, paths) if path.is_relative_to(output) and path.is_file())
    for path in files:
        os.truncate(path, chosen.choice([0, chosen.randint(0, path.stat().st_size)]))
    return [str(path.relative_to(output)) for path in files]


def moments(world: kills.World, number: int, seed: int = 0) -> list[int]:
    """Return seeded moments of a run, as numbers of calls."""
    calls = traced(world, world.folder / "power", world.folder / "power.strace", math.inf)
    chosen = random.Random(seed)
    return [chosen.randint(calls // 20, calls) for _ in range(number)]
