"""Which files of a source make one shard of a sharded subset: decided once, kept when files come and go."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import filelock

from dj_assets.home.layout import Layout
from dj_assets.home.manifest import read_json, write_json
from dj_assets.recipe.model import Sharding
from dj_assets.sources.sources import SourceFile
from dj_assets.stores.agreement import agreed

# More shards make the pages of the UI, and the events of a deduplicate step, slow.
MAX_SHARDS = 1000

_ENDING = re.compile(r"\.(jsonl|ndjson|json|csv|tsv|parquet|tar|xml)(\.(gz|zst))?$", re.IGNORECASE)
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+|\.{2,}")


@dataclass(frozen=True)
class Shard:
    """One shard of a sharded subset: its name, and the files in it in natural order of their paths."""

    name: str
    files: tuple[SourceFile, ...]

    @property
    def size_bytes(self) -> int:
        """Return the bytes of its files on the disk."""
        return sum(file.size for file in self.files)


def shards_of(layout: Layout, files: Sequence[SourceFile], sharding: Sharding) -> tuple[Shard, ...]:
    """Return the shards of a source, ordered by the place of their first file in it.

    A file stays in its shard; new files make new shards among themselves, until there are `MAX_SHARDS`: then they join
    the smallest. A shard whose files are all gone is no more. Which file is in which shard changes nothing in the
    result.
    """
    known = read_json(layout.grouping) or {}
    paths = {str(file.path) for file in files}
    if set(known) != paths:
        layout.work.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(layout.grouping.with_suffix(".lock")), agreed(layout.grouping):
            known = group(files, read_json(layout.grouping) or {}, sharding)
            write_json(layout.grouping, known)
    members: dict[str, list[SourceFile]] = {}
    for file in files:
        members.setdefault(known[str(file.path)], []).append(file)
    return tuple(Shard(name, tuple(inside)) for name, inside in members.items())


def group(files: Sequence[SourceFile], known: Mapping[str, str], sharding: Sharding) -> dict[str, str]:
    """Return the name of the shard of every file, by its path; `known` are those that have one already."""
    groups = {str(file.path): known[str(file.path)] for file in files if str(file.path) in known}
    names = set(groups.values())
    arrived = [file for file in files if str(file.path) not in groups]
    room = MAX_SHARDS - len(names)
    for run in _runs(arrived, max(sharding.files, math.ceil(len(arrived) / max(1, room))), sharding.megabytes * 1e6):
        name = _name(run[0], names) if len(names) < MAX_SHARDS else _smallest(files, groups)
        names.add(name)
        groups |= dict.fromkeys((str(file.path) for file in run), name)
    return groups


def _runs(files: Sequence[SourceFile], most: int, enough_bytes: float) -> Iterator[list[SourceFile]]:
    """Cut files into runs of at most `most`, each ended once it has `enough_bytes`."""
    run: list[SourceFile] = []
    for file in files:
        run.append(file)
        if len(run) >= most or sum(member.size for member in run) >= enough_bytes:
            yield run
            run = []
    if run:
        yield run


def _name(first: SourceFile, taken: Collection[str]) -> str:
    """Return the name of a shard: that of its first file, with its folders in front as far as others have it, too."""
    parts = [_UNFIT.sub("_", _ENDING.sub("", part)).strip("._") or "_" for part in first.path.parts]
    names: Iterable[str] = ("-".join(parts[-depth:]) for depth in range(1, len(parts) + 1))
    free = next((name for name in names if name not in taken), None)
    return free or next(name for number in count(2) if (name := f"{parts[-1]}-{number}") not in taken)


def _smallest(files: Sequence[SourceFile], groups: Mapping[str, str]) -> str:
    sizes: dict[str, int] = {}
    for file in files:
        name = groups.get(str(file.path))
        if name is not None:
            sizes[name] = sizes.get(name, 0) + file.size
    return min(sizes, key=lambda name: (sizes[name], name))
