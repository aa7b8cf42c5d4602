"""The state of every shard of a sharded subset, found by names, sizes and times of files alone."""

from __future__ import annotations

from dataclasses import dataclass

from dj_assets.home.manifest import read_json
from dj_assets.recipe.plan import digest
from dj_assets.subset.context import SubsetContext


@dataclass(frozen=True)
class ShardState:
    """Holds one shard of the source: `fingerprint` changes with its files and with what is measured of them.

    `is_measured` is a guess without reading the files: one that was touched counts as changed, until measuring finds
    that it has the same content. `newest_s` is the time of its newest file, in seconds since 1970.
    """

    name: str
    files: int
    size_bytes: int
    is_measured: bool
    fingerprint: str
    newest_s: float


def shard_states(subset: SubsetContext) -> tuple[ShardState, ...]:
    """Return the state of every shard, in the order of the source.

    Raises
    ------
    UserError
        If the source or the recipe has a fault.
    """
    measured = _measured(subset)
    key = subset.measure_key
    states = []
    for group in subset.groups:
        files = [[str(file.path), file.size, file.mtime_ns] for file in group.files]
        states.append(
            ShardState(
                name=group.name,
                files=len(files),
                size_bytes=group.size_bytes,
                is_measured=all(str(file.path) in measured for file in group.files),
                fingerprint=digest([key, files]),
                newest_s=max(file.mtime_ns for file in group.files) / 1e9,
            )
        )
    return tuple(states)


def _measured(subset: SubsetContext) -> set[str]:
    """Return the paths of the files whose manifests have their size, time and key."""
    source = subset.source
    measured = set()
    for number, file in zip(source.numbers, source.files, strict=True):
        known = read_json(subset.layout.manifest(number)) or {}
        facts = [known.get(name) for name in ("path", "size", "mtime_ns", "measure_key")]
        if facts == [str(file.path), file.size, file.mtime_ns, source.key_of(file)]:
            measured.add(str(file.path))
    return measured
