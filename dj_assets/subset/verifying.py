"""Compare every file of a finished run with its checksum; the next run makes damaged files again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dj_assets.errors import DamagedError
from dj_assets.home.damage import Sum, require_sound
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import MEASURE_AGAIN, require_measured, require_refined, stored_manifest
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.database import rebuild_hint
from dj_assets.stores.copies import at_hand
from dj_assets.subset.locks import whole_subset


@dataclass(frozen=True)
class Verified:
    """Holds the number of compared files and bytes, and for every damaged file one line with its fix."""

    files: int
    bytes: int
    damaged: tuple[str, ...]


def verify(layout: Layout, manifest: RunManifest) -> Verified:
    """Read every file of the newest run that has a checksum: measured, refined, and the database.

    A source file with a damaged measured file counts as not measured, a damaged refined file is renamed: the next
    run makes both again, and nothing else. Tables that are copies (`dropped/`, `quarantine/`, the flat files of an
    output folder) are not looked at.

    Raises
    ------
    UserError
        If a run is at work there.
    """
    with whole_subset(layout):
        checks = list(_checks(layout, manifest))
        damaged = []
        for _, check in checks:
            try:
                check()
            except DamagedError as error:
                damaged.append(str(error))
    return Verified(len(checks), sum(size for size, _ in checks), tuple(damaged))


def _checks(layout: Layout, manifest: RunManifest) -> Iterator[tuple[int, Callable[[], None]]]:
    """Yield the size of every file, and what compares it."""
    entries = [(layout, file.number) for file in manifest.files]
    entries += [(layout.against, file.number) for file in manifest.reference]
    for folder_layout, number in entries:
        file = stored_manifest(folder_layout, number)
        if file is None:
            yield 0, partial(_tell_unmeasured, folder_layout.manifest(number))
            continue
        for kind, (size, _) in file.files.items():
            yield size, partial(require_measured, folder_layout, [file], [kind])
    for part in manifest.refined:
        yield part.bytes, partial(require_refined, layout, manifest, [part])
    written = Sum(manifest.database_bytes or 0, manifest.database_crc32)
    yield written.bytes, partial(require_sound, at_hand(layout.database), written, rebuild_hint(layout.database))


def _tell_unmeasured(manifest: Path) -> None:
    raise DamagedError(f"{manifest}: is missing, damaged or of another version; {MEASURE_AGAIN}")
