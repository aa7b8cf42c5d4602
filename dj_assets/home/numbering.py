"""Which number a source file has in its subset: given once, kept as long as the file belongs to the source.

Measured files and the column `shard` carry the number. It says nothing about the order: that is the order of the
source, natural by path, so that a file which arrives later and sorts first neither renumbers the others nor has them
measured again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

import filelock

from dj_assets.home.json_files import read_json, write_document
from dj_assets.home.layout import Layout
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.agreement import agreed

# Aggregates are measured like the samples of a source file. Their numbers are above those of all source files.
_AGGREGATES = 1_000_000


def number_of_aggregates(step: int) -> int:
    """Return the number of the file of the aggregates of a grouper, given the index of its step."""
    return _AGGREGATES + step


def step_of_aggregates(number: int) -> int:
    """Return the index of the step of the grouper whose aggregates the file with a number holds."""
    return number - _AGGREGATES


def are_aggregates(number: int) -> bool:
    """Return whether the file with a number holds aggregates."""
    return number >= _AGGREGATES


def numbers_of(layout: Layout, files: Sequence[SourceFile]) -> tuple[int, ...]:
    """Return the number of every file; a new one takes the smallest that is free, in the order given.

    Files of a new subset are numbered from 0. The number of a file that left the source is free again.
    """
    paths = [str(file.path) for file in files]
    known = _known(layout)
    # the numbers of a damaged file are taken from the manifests
    if set(paths) != set(known) or (known and read_json(layout.numbering) is None):
        layout.work.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(layout.numbering.with_suffix(".lock")), agreed(layout.numbering):
            known = _with_new(_known(layout), paths)
            write_document(layout.numbering, known)
    return tuple(known[path] for path in paths)


def _known(layout: Layout) -> dict[str, int]:
    """Return the numbers as they are stored, else as the manifests of the measured files have them."""
    stored = read_json(layout.numbering)
    return dict(_of_manifests(layout)) if stored is None else stored


def _of_manifests(layout: Layout) -> Iterator[tuple[str, int]]:
    for manifest in sorted(layout.manifest(0).parent.glob("*.json")):
        content = read_json(manifest)
        if content is not None:
            yield content["path"], content["shard"]


def _with_new(known: Mapping[str, int], paths: Sequence[str]) -> dict[str, int]:
    kept = {path: known[path] for path in paths if path in known}
    taken = set(kept.values())
    free = (number for number in count() if number not in taken)
    return {path: kept[path] if path in kept else next(free) for path in paths}
