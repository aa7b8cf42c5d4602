"""The state of every shard of a sharded subset, found by names, sizes and times of files alone."""

from __future__ import annotations

from dataclasses import dataclass

from dj_assets.home.json_files import read_json
from dj_assets.measure.measured_source import MeasuredSource
from dj_assets.recipe.plan import digest
from dj_assets.subset.context import SubsetContext


@dataclass(frozen=True)
class ShardState:
    """Hold one shard of the source: `fingerprint` changes with its files and with what is measured of them.

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
    source = subset.source
    measured = _measured(source)
    states = []
    for group in subset.groups:
        files = [[str(file.path), file.size, file.mtime_ns] for file in group.files]
        states.append(
            ShardState(
                name=group.name,
                files=len(files),
                size_bytes=group.size_bytes,
                is_measured=all(str(file.path) in measured for file in group.files),
                fingerprint=digest([source.measure_key, files]),
                newest_s=max(file.mtime_ns for file in group.files) / 1e9,
            )
        )
    return tuple(states)


def _measured(source: MeasuredSource) -> set[str]:
    """Return the paths of the files whose manifests have their size, time and key."""
    measured = set()
    for number, file in zip(source.numbers, source.files, strict=True):
        known = read_json(source.layout.manifest(number)) or {}
        facts = [known.get(name) for name in ("path", "size", "mtime_ns", "measure_key")]
        if facts == [str(file.path), file.size, file.mtime_ns, source.key_of(file)]:
            measured.add(str(file.path))
    return measured
