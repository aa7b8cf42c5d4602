"""Where the time of a short run goes: 10 documents of C4, a timeline of the command, its fork server and a worker.

python -m benchmarks.start [--runs 5] [--tree DIR]

With another checkout, which needs its compiled kernels, both take turns.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.inputs import ROOT, default_input, default_models, write_jsonl
from benchmarks.process import command_line
from benchmarks.timeline import stamps, traced
from benchmarks.turns import machine, write_result

DOCUMENTS = 10
# What happens, in order: the stamp, and the first or the last one of that name.
EVENTS = {
    "the fork server is started": ("> dj_assets.measure.workers:Workers.__init__", 0),
    "the command line is read": ("> dj_assets.cli.app:main", 0),
    "the recipe is read": ("< dj_assets.cli.refine:_plan", 0),
    "the fork server has the common libraries": ("< dj_assets.measure.warming:load_libraries", 0),
    "the command waits for the first block": ("> dj_assets.measure.measure_file:measure_file", 0),
    "the fork server has models and kernels": ("> dj_assets.measure.fork_server:_fork", 0),
    "the first block is measured, from": ("> dj_assets.measure.work:measure_block", 0),
    "the last block is measured, to": ("< dj_assets.measure.work:measure_block", -1),
    "duplicates are searched": ("> dj_assets.subset.deduplicating:deduplicate", 0),
    "the database is built": ("> dj_assets.publish.database:build_database", 0),
    "the manifest is made": ("> dj_assets.publish.database:add_run", 0),
    "the report is written": ("> dj_assets.views.release:write_report", 0),
    "the run is published": ("< dj_assets.subset.refining:refine", 0),
    "the process has ended": ("", 0),
}
_FIRST, _LAST, _END = ("the first block is measured, from", "the last block is measured, to", "the process has ended")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tree", type=Path, help="another checkout, e.g. of an earlier version")
    parser.add_argument("--result", default="start", help="name of the result's file, without .json")
    options = parser.parse_args()
    trees = {"now": ROOT, **({"before": options.tree.resolve()} if options.tree else {})}
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    with tempfile.TemporaryDirectory(prefix="dj-bench-") as name:
        folder = Path(name)
        write_jsonl([default_input("c4", "redpajama_c4")], folder / "input.jsonl", 1)
        # the first run of each loads files into the cache of the system, and is not counted
        for turn in range(options.runs + 1):
            for tree, root in trees.items():
                measured = _run(root, folder)
                if turn:
                    runs[tree].append(measured)
    found: dict[str, Any] = {"command": command_line("start"), "machine": machine()}
    found |= {tree: _medians(measured) for tree, measured in runs.items()}
    write_result(found, options.result)
    print(_table(found, [*trees]))


def _run(root: Path, folder: Path) -> dict[str, float]:
    """Return the seconds from the start of the command to every event, and those of CPU of all processes."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    functions = {stamp[2:] for stamp, _ in EVENTS.values() if stamp}
    path = os.pathsep.join([str(folder), str(root)])
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(root / "recipes/redpajama/c4.yaml")]
    command += ["--input", str(folder / "input.jsonl"), "--output", str(folder / "out"), "--limit", str(DOCUMENTS)]
    command += ["--models", str(models)] if (models := default_models()) else []
    env = {**os.environ, **traced(folder, sorted(functions)), "PYTHONPATH": path}
    cpu, started = _cpu_of_children(), time.monotonic()
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=root)
    ended = time.monotonic()
    found = {}
    for event, (stamp, index) in EVENTS.items():
        times = [seconds for name, seconds in stamps(folder) if name == stamp] if stamp else [ended]
        if times:
            found[event] = times[index] - started
    outside = {"start and end, all but the blocks": found[_FIRST] + found[_END] - found[_LAST]}
    return {**found, **outside, "CPU of all processes": _cpu_of_children() - cpu}


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _medians(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the median of every value, and that of the fastest run: the least disturbed by other work."""
    fastest = min(runs, key=lambda run: run[_END])
    return {
        "median": {name: round(statistics.median(run[name] for run in runs), 3) for name in fastest},
        "fastest": {name: round(value, 3) for name, value in fastest.items()},
    }


def _table(found: dict[str, Any], trees: list[str]) -> str:
    columns = [(tree, kind) for tree in reversed(trees) for kind in ("median", "fastest")]
    head = "| s | " + " | ".join(f"{tree}, {kind}" for tree, kind in columns) + " |"
    lines = [head, "|---|" + "--:|" * len(columns)]
    for name in found["now"]["median"]:
        values = (found[tree][kind].get(name) for tree, kind in columns)
        lines.append(f"| {name} | " + " | ".join("" if value is None else f"{value:.2f}" for value in values) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
