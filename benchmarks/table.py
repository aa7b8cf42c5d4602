"""One table of all comparisons: Data-Juicer, datatrove, text-dedup, rensa and Arrow, each in turns with ours.

    python -m benchmarks.table [--quick] [--parts text media duplicates floor first] [--runs 5] [--torch torch==VERSION]

Each part is a benchmark of its own, run in another process, and may be called alone. Other programs get environments
under build/, which the first call makes; the last part installs this checkout into a new one, and runs it twice. A part
that fails is a row with its last message. `--quick` takes small inputs and one run: it shows that everything works, and
its figures mean little, for most of the time is that of the start.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT, PipError, environment
from benchmarks.process import FailedRunError, run
from benchmarks.recipe_tables import row
from benchmarks.turns import RESULTS, write_result

Figures = Mapping[str, float]
COLUMNS = ("work", "other", "wall s", "other's", "ratio", "CPU s", "other's", "ratio", "MB, all", "other's", "result")
# Arguments of each part: in full, and quick. Of the slow programs one run must do.
ARGUMENTS = {
    "text": (
        "text_recipes --recipes c4 wiki cc_2023_06 --megabytes 38 100",
        "text_recipes --recipes c4 --megabytes 4",
    ),
    "media": (
        "media_recipes --recipes llava t2v --images 374 3740 --clips 6",
        "media_recipes --recipes llava --images 40",
    ),
    "duplicates": ("duplicates", "duplicates --documents 3000 --pairs 100"),
    "floor": ("floor", "floor --megabytes 15"),
}
PEERS_OF_RECIPES = ("text", "media")
PARTS = (*ARGUMENTS, "first")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--runs", type=int, help="default: 5, with --quick 1")
    parser.add_argument("--torch", help="what pip installs for Data-Juicer, e.g. a CPU build of torch")
    options = parser.parse_args()
    lines = [row(COLUMNS), row(("---", "---", *["--:"] * (len(COLUMNS) - 3), "---"))]
    print("\n".join(lines), flush=True)
    for part in options.parts:
        for line in _rows(part, options):
            print(line, flush=True)


def _rows(part: str, options: argparse.Namespace) -> list[str]:
    """Return the rows of a part, or one with the reason why there are none."""
    try:
        if part == "first":
            return list(_first_run())
        found = _found(part, options)
    except (FailedRunError, PipError) as error:
        message = str(error).replace("|", "/")
        return [row((part, "", *[""] * (len(COLUMNS) - 3), f"not measured: {message}"))]
    make = {"duplicates": _duplicates, "floor": _floor}.get(part, _recipes)
    return list(make(found))


def _found(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark of a part and return its result.

    Raises
    ------
    FailedRunError
        If it fails; the message ends with its last line.
    """
    result = f"{'quick' if options.quick else 'table'}_{part}"
    runs = str(options.runs or (1 if options.quick else 5))
    module, *arguments = ARGUMENTS[part][options.quick].split()
    arguments += ["--runs", runs, "--result", result]
    if part in PEERS_OF_RECIPES and options.torch:
        arguments += ["--torch", options.torch]
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    if done.returncode:
        raise FailedRunError((done.stderr.splitlines() or ["it says nothing"])[-1])
    found: dict[str, Any] = json.loads((RESULTS / f"{result}.json").read_text("utf-8"))
    return found


def _recipes(found: dict[str, Any]) -> Iterator[str]:
    for one in found["recipes"]:
        size = f"{one['megabytes']:.0f} MB" if "megabytes" in one else f"{one['samples']:,} samples"
        if "peer" not in one:
            yield _row(f"{one['recipe']}, {size}", "Data-Juicer is not there", one["ours"], {}, "")
            continue
        kept = one["kept"]
        same = f"{kept['both']:,} kept by both, {kept['only_ours']} and {kept['only_peer']} by one"
        yield _row(f"{one['recipe']}, {size}", "Data-Juicer", one["ours"], one["peer"], same)


def _duplicates(found: dict[str, Any]) -> Iterator[str]:
    programs = found["programs"]
    size = f"{found['documents']:,} documents, {found['megabytes']:.0f} MB"
    for name, one in programs.items():
        if name.startswith("dj_assets"):
            continue
        ours = programs["dj_assets, words" if name == "datatrove" else "dj_assets"]
        yield _row(f"MinHash, {size}", name, ours, one, f"found {_recall(ours)}; the other {_recall(one)}")
    yield _row(f"simhash, {size}", "rensa: MinHash", programs["dj_assets, simhash"], programs["rensa"], "")


def _recall(one: dict[str, Any]) -> str:
    return ", ".join(f"{point['found']:.3f} at {point['similarity']:.2f}" for point in one["recall"][1:3])


def _floor(found: dict[str, Any]) -> Iterator[str]:
    ours, other = ({"cpu_s": found["cpu_s"][who], "pss_mb": found["largest_mb"][who]} for who in ("ours", "arrow"))
    yield _row(f"one trivial filter, {found['megabytes']:.0f} MB", "Arrow alone", ours, other, "")


def _first_run() -> Iterator[str]:
    """Install this checkout into a new environment and run a recipe twice."""
    name = "first-run"
    shutil.rmtree(ROOT / "build" / name, ignore_errors=True)
    python = environment(name, (str(ROOT),))
    with tempfile.TemporaryDirectory(prefix="dj-first-") as scratch:
        folder = Path(scratch)
        # a user without a home, who has nothing but the package
        env = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "TMPDIR"}}
        runs = []
        for number in range(2):
            command = [str(python.parent / "dj-assets"), "run", "c4", "--input", "sample:c4", "--limit", "10"]
            command += ["--output", str(folder / str(number))]
            runs.append(asdict(run(command, folder / "log", env, folder)))
    write_result({"first": runs[0], "second": runs[1]}, "table_first")
    yield _row("first run after installation, 10 documents", "its second run", runs[0], runs[1], "")


def _row(work: str, other: str, ours: Figures, theirs: Figures, result: str) -> str:
    cells = []
    for key in ("wall_s", "cpu_s"):
        both = [figures.get(key) for figures in (ours, theirs)]
        ratio = f"{both[1] / both[0]:.1f}" if both[0] and both[1] else ""
        cells += [*("" if value is None else f"{value:.1f}" for value in both), ratio]
    cells += ["" if "pss_mb" not in figures else f"{figures['pss_mb']:,.0f}" for figures in (ours, theirs)]
    return row((work, other, *cells, result))


if __name__ == "__main__":
    main()
