"""Two data homes or output folders, file by file: equal bytes, equal content or a difference.

    python -m benchmarks.compare_outputs OLD NEW

It shows whether another version of the code computes the same. Tables are compared row by row, a database table by
table, JSON without times, and the manifests of runs by the parts that say what came out. Folders of code, ids of runs
and times may differ. Locks are left out. It prints a table and a line for every difference, and exits 1 where there is
one.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from benchmarks.file_content import DATABASE, contents, difference

Outcome = Literal["bytes", "content", "different"]

# Rows of the printed table, in this order; a file belongs to the first of them that its path names.
KINDS = (
    *("refined", "stats", "dropped", "duplicates", "quarantine", "cleaned", "fields", "signatures", "rejects"),
    *("near_pairs", "funnel", "runs", "shards", "decision", "report"),
)
OTHER = "other"
_RENAMED = {"run": "runs", "dataset_card": "report"}
_RUN_ID = re.compile(r"^\d{8}T\d{6}\.\d{6}Z-[0-9a-f]+$")


@dataclass(frozen=True)
class Compared:
    """One file, or one table of a database: how it compares, and what differs first."""

    name: str
    outcome: Outcome
    difference: str = ""

    @property
    def kind(self) -> str:
        """The row of the printed table that it is counted in."""
        path = PurePath(self.name.rpartition(":")[2])
        words = [*path.parts[:-1], path.stem]
        return next((kind for kind in KINDS if kind in {_RENAMED.get(word, word) for word in words}), OTHER)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path, metavar="OLD", help="a data home, a subset in it, or an output folder")
    parser.add_argument("new", type=Path, metavar="NEW", help="the same, made by another version of the code")
    options = parser.parse_args()
    for folder in (options.old, options.new):
        if not files_of(folder):
            parser.error(f"{folder}: is no folder, or holds no file")
    results = compare(options.old, options.new)
    print(table(results))
    for result in results:
        if result.difference:
            print(f"{result.name}: {result.difference}")
    sys.exit(any(result.outcome == "different" for result in results))


def compare(old: Path, new: Path) -> list[Compared]:
    """Return how every file of two folders compares, by name; a file that only one of them has is a difference."""
    before, after = files_of(old), files_of(new)
    return [result for name in sorted(before.keys() | after.keys()) for result in _compared(name, before, after)]


def files_of(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their path in it, the id of a run replaced by its number in the order of time."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_lock(path))
    runs: dict[Path, list[str]] = {}
    for path in paths:
        if _RUN_ID.match(path.stem) and path.stem not in runs.setdefault(path.parent, []):
            runs[path.parent].append(path.stem)
    return {_name(path.relative_to(folder), runs.get(path.parent, ()), path.stem): path for path in paths}


def table(results: list[Compared]) -> str:
    """Return the counts of every kind of file, and of all, as Markdown."""
    heads = ("kind", "files compared", "equal by bytes", "equal by content", "different")
    lines = [_row(heads), _row(("---", *["--:"] * 4))]
    counts = {kind: Counter(result.outcome for result in results if result.kind == kind) for kind in (*KINDS, OTHER)}
    counts = {kind: count for kind, count in counts.items() if count}
    for kind, count in (counts | {"all": Counter(result.outcome for result in results)}).items():
        cells = (count.total(), *(count[outcome] for outcome in ("bytes", "content", "different")))
        lines.append(_row((kind, *(f"{cell:,}" for cell in cells))))
    return "\n".join(lines)


def _compared(name: str, before: Mapping[str, Path], after: Mapping[str, Path]) -> Iterator[Compared]:
    """Yield how a file compares; of a database, how each of its tables does."""
    missing = "NEW" if name not in after else "OLD" if name not in before else None
    if missing:
        yield Compared(name, "different", f"missing in {missing}")
        return
    old, new = before[name], after[name]
    same = old.stat().st_size == new.stat().st_size and old.read_bytes() == new.read_bytes()
    if same and old.suffix != DATABASE:
        yield Compared(name, "bytes")
        return
    first, second = contents(old), contents(new)
    for part in sorted(first.keys() | second.keys()):
        whole = f"{name}:{part}" if part else name
        if part not in first or part not in second:
            yield Compared(whole, "different", f"missing in {'NEW' if part in first else 'OLD'}")
        elif same:
            yield Compared(whole, "bytes")
        else:
            changed = difference(first[part], second[part])
            yield Compared(whole, "different" if changed else "content", changed)


def _is_lock(path: Path) -> bool:
    return path.suffix == ".lock" or path.name == ".lock"


def _name(path: Path, runs: list[str] | tuple[()], stem: str) -> str:
    if stem in runs:
        path = path.with_name(f"run {runs.index(stem) + 1}{path.suffix}")
    return path.as_posix().replace(os.sep, "/")


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
