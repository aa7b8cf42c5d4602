"""Run the long attacks, and write their figures into the table of `docs/security.md`.

`python -m tests.hostile.table` runs all parts, `python -m tests.hostile.table kills time` some; `--write` changes the
rows of these parts in the page. `--kills N`, `--texts N` and `--seed N` choose how many, and which.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.hostile import disk, kills, operators, power
from tests.operators.language_models import make_models
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
        for answer in operators.answers(make_models(Path(folder)), options.texts, options.seed):
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
    figures: Figures = Counter()
    with tempfile.TemporaryDirectory() as folder:
        world = kills.world(Path(folder) / "world")
        for way, after_s in kills.moments(world, options.kills, options.seed):
            outcome = kills.killed(world, way, after_s)
            figures[{"same": "survived", "hung": "hung"}.get(outcome.kind, "wrong")] += 1
            if outcome.kind != "same":
                _tell(str(outcome))
    return figures


def of_power(options: argparse.Namespace) -> Figures:
    """Let the power fail at random moments: what was not synced is cut."""
    figures: Figures = Counter()
    if shutil.which("strace") is None:
        return Counter({"not run": options.kills})
    with tempfile.TemporaryDirectory() as folder:
        world = kills.world(Path(folder) / "world", files=2, samples=200)
        for number, after_calls in enumerate(power.moments(world, options.kills, options.seed)):
            outcome = power.lost(world, after_calls, number)
            figures[{"same": "survived", "hung": "hung"}.get(outcome.kind, "wrong")] += 1
            _tell(str(outcome))
    return figures


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
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
            all_ways = os.environ | {"TEST_ALL_WAYS": "1"}
            subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr, env=all_ways)
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
    "kills": ("kills at random moments", of_kills),
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
    "dagster": ("kills of runs of Dagster", _of_tests("tests/hostile/long_dagster.py")),
    "recipes": (
        "recipes that explode, or name paths and code",
        _of_tests("tests/recipe/test_yaml_file.py", "tests/hostile/test_recipes.py"),
    ),
    "server": ("requests to the page of sliders", _of_tests("tests/what_if/test_server.py")),
    "secrets": ("planted secrets", _of_tests("tests/hostile/test_secrets.py")),
}


def row(part: str, figures: Figures) -> str:
    """Return a row of the table."""
    counted = figures | Counter(injected=sum(figures.values()))
    return f"| {PARTS[part][0]} | " + " | ".join(str(counted[name]) for name in COLUMNS) + " |"


def written(page: str, rows: Iterable[str]) -> str:
    """Return the page with rows replaced, or added, in the order of the parts."""
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    known = {_name(line): line for line in [*table.strip().splitlines()[2:], *rows]}
    names = [title for title, _ in PARTS.values() if title in known]
    head = [f"| attack | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    return before + "\n".join([BEGIN, "", *head, *(known[name] for name in names), "", END]) + after


def _name(line: str) -> str:
    return line.split("|")[1].strip()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """Run the chosen parts; return 1 if anything was lost, wrong or hung."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--texts", type=int, help="a seeded choice of so many texts for each operator, not all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    bad = 0
    for part in options.parts or PARTS:
        figures = PARTS[part][1](options)
        bad += figures["lost"] + figures["wrong"] + figures["hung"]
        sys.stdout.write(f"{row(part, figures)}\n")
        sys.stdout.flush()
        if options.write:
            PAGE.write_text(written(PAGE.read_text("utf-8"), [row(part, figures)]), "utf-8")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
