"""Run the long attacks, and write their figures into the table of `docs/security.md`.

`python -m tests.hostile.table` runs all parts, `python -m tests.hostile.table kills time` some. `--write` writes the
table of the page, which is that of one run of all parts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hostile import dagster_kills, disk, kills, operators, power
from tests.paths import ROOT

PAGE = ROOT / "docs/security.md"
COLUMNS = ("injected", "survived", "lost", "wrong", "hung", "slow", "not run")
BEGIN, END = "<!-- figures of make hostile -->", "<!-- end of the figures -->"
SLOW_S = 2.0

Figures = Counter[str]


def of_time(options: argparse.Namespace) -> Figures:
    """Ask every operator for every text of a megabyte."""
    figures: Figures = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for answer in operators.answers(operators.tiny_models(Path(folder)), options.texts, options.seed):
            kind = {"done": "survived", "quarantined": "survived", "failed": "wrong", "absent": "not run"}
            found = kind.get(answer.kind, answer.kind)
            if found == "survived" and answer.seconds > SLOW_S:
                found = "slow"
            figures[found] += 1
            if found != "survived":
                _tell(f"{answer.operator}, {answer.text}: {found}, {answer.seconds:.1f} s {answer.message}")
    return figures


def of_kills(options: argparse.Namespace) -> Figures:
    """Kill runs in all ways at random moments, and run again."""
    with tempfile.TemporaryDirectory() as folder:
        world = kills.world(Path(folder) / "world", files=3, samples=300, images=True)
        moments = kills.moments(world.seconds, options.kills, options.seed)
        return _counted(kills.killed(world, way, after_s) for way, after_s in moments)


def of_dagster(command: str) -> Callable[[argparse.Namespace], Figures]:
    """Return the attack that kills a command of Dagster, as it does runs."""

    def attack(options: argparse.Namespace) -> Figures:
        with tempfile.TemporaryDirectory() as folder:
            return _counted(dagster_kills.outcomes(command, Path(folder), options.kills, options.seed))

    return attack


def _counted(outcomes: Iterable[kills.Outcome]) -> Figures:
    figures: Figures = Counter()
    for outcome in outcomes:
        figures[{"same": "survived", "hung": "hung", "missed": "not run"}.get(outcome.kind, "wrong")] += 1
        if outcome.kind != "same":
            _tell(str(outcome))
    return figures


def of_power(options: argparse.Namespace) -> Figures:
    """Let the power fail at random moments: what was not synced is cut."""
    if shutil.which("strace") is None:
        return Counter({"not run": options.losses})
    with tempfile.TemporaryDirectory() as folder:
        world = kills.world(Path(folder) / "world", files=2, samples=200)
        moments = enumerate(power.moments(world, options.losses, options.seed))
        return _counted(power.lost(world, after_calls, number) for number, after_calls in moments)


def of_disk(_: argparse.Namespace) -> Figures:
    """Run where the disk is full, or may not be written."""
    figures: Figures = Counter()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for outcome in disk.outcomes(kills.world(Path(folder) / "world", files=2, samples=500)):
            figures[outcome.kind] += 1
            if outcome.kind != "survived":
                _tell(str(outcome))
    return figures


def _of_tests(*files: str) -> Callable[[argparse.Namespace], Figures]:
    def run(_: argparse.Namespace) -> Figures:
        figures: Figures = Counter()
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
            all_ways = os.environ | {"TEST_ALL_WAYS": "1"}
            # a limit for hangs that the long forms of tests exceed on a busy machine
            own = [f"--basetemp={folder}/tests", "-m", "not browser", "-o", "faulthandler_timeout=1800"]
            subprocess.run([*command, *own, *files], cwd=ROOT, check=False, stdout=sys.stderr, env=all_ways)
            if not report.exists():
                return Counter(hung=1)
            for case in ET.parse(report).iter("testcase"):
                kinds = {part.tag for part in case}
                figures[
                    "not run" if "skipped" in kinds else "wrong" if kinds & {"failure", "error"} else "survived"
                ] += 1
        return figures

    return run


PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], Figures]]] = {
    "time": ("texts of 1 MB against every operator", of_time),
    "texts": ("texts that occupied an operator once", _of_tests("tests/hostile/test_time.py")),
    "kills": ("kills of runs at random moments", of_kills),
    "materialization": ("kills of materializations of Dagster", of_dagster("materialization")),
    "backfill": ("kills of backfills of Dagster", of_dagster("backfill")),
    "disk": ("full, read-only and vanished folders", of_disk),
    "media": ("media that name other files and addresses", _of_tests("tests/hostile/test_media.py")),
    "damage": ("damaged images and clips", _of_tests("tests/media/test_damage.py")),
    "files": ("damaged files of a finished run", _of_tests("tests/cli/test_damaged_files.py")),
    "archives": ("archives with false headers", _of_tests("tests/hostile/test_archives.py")),
    "inputs": ("inputs that are no files, bombs of JSON", _of_tests("tests/hostile/test_inputs.py")),
    "power": ("power loss at random moments", of_power),
    "tables": ("Parquet files that unpack to gigabytes", _of_tests("tests/hostile/test_tables.py")),
    "changes": ("inputs that change while they are read", _of_tests("tests/hostile/test_changing_inputs.py")),
    "concurrency": (
        "runs, readers and prune at once",
        _of_tests("tests/hostile/test_concurrency.py", "tests/hostile/long_concurrency.py"),
    ),
    "images": ("images of absurd sizes and of two formats", _of_tests("tests/hostile/test_images.py")),
    "injection": ("markup in samples", _of_tests("tests/hostile/test_injection.py")),
    "limits": ("limits of files, rows, columns and memory", _of_tests("tests/hostile/long_limits.py")),
    "recipes": (
        "recipes that explode, or name paths and code",
        _of_tests("tests/recipe/test_yaml_file.py", "tests/hostile/test_recipes.py"),
    ),
    "server": (
        "requests to the pages",
        _of_tests(
            "tests/what_if/test_server.py",
            "tests/explore/test_server.py",
            "tests/evaluation/humanvbench/test_review.py",
        ),
    ),
    "secrets": ("planted secrets", _of_tests("tests/hostile/test_secrets.py")),
}


def row(part: str, figures: Figures) -> str:
    """Return a row of the table."""
    counted = figures | Counter(injected=sum(figures.values()))
    return f"| {PARTS[part][0]} | " + " | ".join(str(counted[name]) for name in COLUMNS) + " |"


def written(page: str, rows: Iterable[str], command: str) -> str:
    """Return the page with the table of one run, and the command that made it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    head = [f"| attack | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    return before + "\n".join([BEGIN, "", command, "", *head, *rows, "", END]) + after


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """Run the chosen parts; return 1 if anything was lost, wrong or hung."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--kills", type=int, default=34, help="of runs, of materializations, and of backfills")
    parser.add_argument("--losses", type=int, default=8, help="of power")
    parser.add_argument("--texts", type=int, default=2, help="a seeded choice of so many texts for each operator")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="parts that run at the same time")
    options = parser.parse_args()
    if options.write and options.parts:
        parser.error("the table of the page is that of one run of all parts: leave the parts out, or --write")
    began = time.monotonic()
    chosen = options.parts or list(PARTS)

    def figures_of(part: str) -> Figures:
        figures = PARTS[part][1](options)
        _tell(f"{(time.monotonic() - began) / 60:.1f} min: {row(part, figures)}")
        return figures

    with ThreadPoolExecutor(options.jobs) as pool:
        found = dict(zip(chosen, pool.map(figures_of, chosen), strict=True))
    rows = [row(part, figures) for part, figures in found.items()]
    sys.stdout.write("\n".join(rows) + "\n")
    if options.write:
        minutes = (time.monotonic() - began) / 60
        numbers = [f"--{name} {getattr(options, name)}" for name in ("kills", "losses", "texts", "seed")]
        command = f"Made by `python -m tests.hostile.table --write {' '.join(numbers)}` in {minutes:.0f} minutes."
        PAGE.write_text(written(PAGE.read_text("utf-8"), rows, command), "utf-8")
    return int(any(figures[name] for figures in found.values() for name in ("lost", "wrong", "hung")))


if __name__ == "__main__":
    sys.exit(main())
