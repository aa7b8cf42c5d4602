"""Count what a small run does, and fail where it does 5 % more than before: `make bench-guard`.

Times are no measure on a busy machine. The counters here are the same in every run: calls of the kernels, arrays that
they allocate and bytes that they return, allocations of Arrow and their bytes, calls of Python functions and of
functions in C, modules, opened files and bytes read and written. They do not see work inside of a kernel that neither
allocates nor returns more. After an intended change: `python -m benchmarks.guard --write`.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.inputs import ROOT, SAMPLES

BASELINE = ROOT / "benchmarks/results/guard.json"
MOST = 1.05
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# Counters this small may grow by as much as this: one more module is no regression.
SLACK = 3
REPEATED = 10
# The kernels that take most of the time of the recipes of the gallery, by their profiles.
HOTTEST = (
    "unigram_words.encode",
    "language_id.classify",
    "unicode_repair.doubtful_lines",
    "ngrams.character_repetition",
    "ngrams.word_repetition",
    "words.words_with",
    "lower_case.lower_case",
    "code_points.count_characters",
    "simhash.simhash",
    "minhash.minhash",
)
Counts = dict[str, int]


def counted(kernel: Callable[..., object], name: str, counts: Counter[str]) -> Callable[..., object]:
    """Return a kernel that counts its calls, the arrays that it allocates and the bytes that it returns."""
    from numba.core.runtime import rtsys

    @wraps(kernel)
    def call(*given: object) -> object:
        before = rtsys.get_allocation_stats().alloc
        returned = kernel(*given)
        counts[f"{name}: calls"] += 1
        counts[f"{name}: allocations"] += rtsys.get_allocation_stats().alloc - before
        counts[f"{name}: bytes returned"] += bytes_of(returned)
        return returned

    return call


def bytes_of(value: object) -> int:
    """Return the bytes of all arrays in a value."""
    if isinstance(value, tuple):
        return sum(map(bytes_of, value))
    return int(getattr(value, "nbytes", 0))


def count(folder: Path) -> Counts:
    """Run the recipe in this process, which must be a fresh one, and return all counters."""
    counts: Counter[str] = Counter()
    _without_installed_packages()
    sys.addaudithook(lambda event, _: counts.update(["run: opened files"]) if event == "open" else None)
    sys.setprofile(lambda _frame, event, _: counts.update([event]) if event in {"call", "c_call"} else None)
    from dj_assets.cli.refine import run
    from dj_assets.measure.warming import load_libraries

    # numba counts allocations from its first kernel on
    load_libraries()
    modules = {name: importlib.import_module(f"dj_assets.kernels.{name.split('.')[0]}") for name in HOTTEST}
    for name, module in modules.items():
        function = name.split(".")[1]
        setattr(module, function, counted(getattr(module, function), name, counts))
    run(_recipe(folder / "recipe.yaml"), [str(_input(folder / "c4.jsonl"))], str(folder / "out"), workers=1)
    sys.setprofile(None)
    import pyarrow as pa

    pool = pa.default_memory_pool()
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {
        **{name: number for name, number in counts.items() if ": " in name},
        "run: kernels compiled": sum(sum(kernel.stats.cache_misses.values()) for kernel in _all_kernels()),
        "run: modules": len(sys.modules),
        "run: calls of Python functions": counts["call"],
        "run: calls of C functions": counts["c_call"],
        "run: allocations of Arrow": pool.num_allocations(),
        "run: bytes allocated by Arrow": pool.total_bytes_allocated(),
        "run: bytes written": int(io["wchar"]),
    }


def _without_installed_packages() -> None:
    """Read the entry points of all installed packages before anything is counted: their number is not the project's."""
    found = importlib.metadata.entry_points()
    importlib.metadata.entry_points = found.select


def _recipe(path: Path) -> Path:
    """Write the C4 recipe with a second deduplicator."""
    recipe = (ROOT / "recipes/redpajama/c4.yaml").read_text("utf-8")
    path.write_text(f"{recipe.rstrip()}\n  - document_minhash_deduplicator:\n", "utf-8")
    return path


def _input(path: Path) -> Path:
    """Write the sample of C4 several times, so that work for texts outweighs that for a run."""
    path.write_bytes(gzip.decompress((SAMPLES / "c4.jsonl.gz").read_bytes()) * REPEATED)
    return path


def _all_kernels() -> Iterator[Any]:
    for name, module in list(sys.modules.items()):
        if name.startswith("dj_assets.kernels."):
            yield from (value for value in vars(module).values() if hasattr(value, "stats"))


def in_fresh_process() -> Counts:
    """Return the counters of a process of its own, with a fixed order of sets; one before it compiles modules."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "NUMBA_NRT_STATS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # pydantic looks for plugins among all installed packages
    environment["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    # byte code may be missing, and may not be written: then each module would open more files
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as byte_code:
        environment["PYTHONPYCACHEPREFIX"] = byte_code
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "benchmarks.guard", "--count", folder]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=ROOT)
    counts: Counts = json.loads(done.stdout.splitlines()[-1])
    return counts


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Return a line for each counter that grew by more than 5 %, and for each that is new or gone."""
    lines = [f"{name}: {now.get(name)}, not in {BASELINE.name} or gone" for name in before.keys() ^ now.keys()]
    allowed = {name: max(number * MOST, number + SLACK) if number else 0 for name, number in before.items()}
    both = sorted(before.keys() & now.keys())
    return lines + [f"{name}: {before[name]:,} before, {now[name]:,} now" for name in both if now[name] > allowed[name]]


def main() -> int:
    """Compare the counters with the stored ones, or write them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the counters of now")
    parser.add_argument("--count", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.count:
        print(json.dumps(count(options.count)))
        return 0
    now = in_fresh_process()
    if options.write:
        BASELINE.write_text(json.dumps({"python": PYTHON, **dict(sorted(now.items()))}, indent=2) + "\n", "utf-8")
        return 0
    before = json.loads(BASELINE.read_text("utf-8"))
    if (python := before.pop("python")) != PYTHON:
        print(f"not compared: {BASELINE.name} has the counters of Python {python}, and this is {PYTHON}")
        return 1
    lines = grown(before, now)
    print("\n".join([*lines, f"{len(now)} counters, {len(lines)} grew by more than 5 %"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
