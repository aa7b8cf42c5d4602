"""Compare every file of a finished run with its checksum; the next run makes damaged files again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dj_assets.errors import DamagedError
from dj_assets.home.damage import Sum, require_sound
from dj_assets.home.json_files import content_checksum, read_json, recorded_checksum
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import (
    MEASURE_AGAIN,
    require_measured,
    require_refined,
    require_written,
    stored_manifest,
)
from dj_assets.home.run_manifest import RunManifest
from dj_assets.publish.database import require_database
from dj_assets.publish.outcomes import RECORD_LOST, record_file
from dj_assets.replay.decision import decided_files
from dj_assets.stores.copies import at_hand
from dj_assets.stores.documents import PUBLISHED, documents
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.made_media import listed, require_made

DECIDE_AGAIN = "run the subset again: only the duplicates are found again"
# The fixes for damaged documents, by the folder or name of the document.
_FIXES = {
    "shards": MEASURE_AGAIN,
    "runs": f"{RECORD_LOST}; remove the file",
    "decision": DECIDE_AGAIN,
    "numbering.json": "run the subset again: the file is written again",
    "grouping.json": "run the subset again: the files are grouped again",
    "claim.json": "run the recipe again with --overwrite: nothing sound is measured again",
}
# Parquet files of the work folder that are no measured files.
_WORK = tuple(f"{folder}/[!.]*.parquet" for folder in ("near_pairs", "decision", "counted/*", "indexes", "runs"))


@dataclass(frozen=True)
class Verified:
    """Hold the number of compared files and bytes, and for every damaged file one line with its fix.

    `unrecorded` are files without a recorded checksum, which an earlier version wrote: they were not compared.
    """

    files: int
    bytes: int
    damaged: tuple[str, ...]
    unrecorded: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Check:
    """Hold a file, its size, and the function that raises `DamagedError` if the file is damaged."""

    path: Path
    size: int
    require: Callable[[], None]


def verify(layout: Layout, manifest: RunManifest) -> Verified:
    """Read every file of the newest run: measured, refined and published files, the database and all manifests.

    A source file with a damaged measured file counts as not measured, a damaged refined file is renamed, a damaged
    decision is removed: the next run makes them again, and nothing else. `repair` makes copies and tables again.

    Raises
    ------
    UserError
        If a run is at work in that folder.
    """
    with whole_subset(layout):
        checks = list(_checks(layout, manifest))
        damaged = [str(error) for check in checks if (error := _damage(check)) is not None]
        unrecorded = sorted(_files(layout) - {check.path for check in checks})
    return Verified(len(checks), sum(check.size for check in checks), tuple(damaged), tuple(unrecorded))


def _damage(check: _Check) -> DamagedError | None:
    try:
        check.require()
    except DamagedError as error:
        return error
    return None


def _checks(layout: Layout, manifest: RunManifest) -> Iterator[_Check]:
    """Yield every file with a checksum, each once."""
    yield from _documents(layout, manifest)
    yield from _measured(layout, manifest)
    yield from _made(layout, manifest)
    yield from _decided(layout)
    yield from _records(layout, manifest)
    for part in manifest.refined:
        yield _Check(layout.refined / part.name, part.bytes, partial(require_refined, layout, manifest, [part]))
    if not manifest.mix:
        yield _Check(layout.database, manifest.database.bytes, partial(require_database, layout, manifest))
    elif manifest.database_bytes is not None:
        cure = f"make it again with 'dj-assets mix {manifest.recipe}'"
        yield _Check(
            layout.database,
            manifest.database.bytes,
            partial(require_sound, layout.database, manifest.database, cure),
        )
    for name, written in manifest.checksums.items():
        path = layout.published / name
        yield _Check(path, written.bytes, partial(require_written, path, written, repair_hint(layout)))
    copy = layout.published / "run.json"
    if layout.work != layout.published and manifest.checksums:
        yield _Check(copy, _size(copy), partial(_require_copy, layout, copy, manifest))


def repair_hint(layout: Layout) -> str:
    """Return the hint that repairs a damaged copy or table."""
    return f"make it again with 'dj-assets verify {layout.location} --repair'"


def _documents(layout: Layout, manifest: RunManifest) -> Iterator[_Check]:
    """Yield the manifests and other small files, which hold a checksum of themselves."""
    there = [layout.published / name for name in documents(layout.published)]
    # every run has these; those of earlier versions need not
    expected = {layout.numbering, layout.decision} if manifest.checksums else set()
    for path in [*there, *sorted(expected - set(there))]:
        if read_json(path) is None or recorded_checksum(path) is not None:
            fix = next((text for part, text in _FIXES.items() if part in path.parts[-2:]), MEASURE_AGAIN)
            yield _Check(path, _size(path), partial(_require_readable, path, fix))


def _require_readable(path: Path, fix: str) -> None:
    if read_json(path) is None:
        raise DamagedError(f"{path}: is {'damaged' if path.exists() else 'missing'}; {fix}")


def _require_copy(layout: Layout, copy: Path, manifest: RunManifest) -> None:
    content, stored = read_json(at_hand(copy)), read_json(layout.runs / f"{manifest.run_id}.json")
    if content is None or stored is None or content_checksum(content) != content_checksum(stored):
        raise DamagedError(f"{copy}: is {'damaged' if copy.exists() else 'missing'}; {repair_hint(layout)}")


def _measured(layout: Layout, manifest: RunManifest) -> Iterator[_Check]:
    """Yield the measured files of the run, of its reference set, and of passes that count the corpus."""
    named = {file.number for file in manifest.files}
    reference = {file.number for file in manifest.reference}
    counted = [layout.counting(path.name) for path in sorted((layout.work / "counted").glob("*"))]
    for area, numbers in ((layout, named), (layout.against, reference), *((other, set()) for other in counted)):
        there = {int(path.stem) for path in area.manifest(0).parent.glob("[0-9]*.json")}
        for number in sorted(numbers | there):
            file = stored_manifest(area, number)
            if file is not None:
                for kind, (size, _) in file.files.items():
                    yield _Check(area.measured(kind, number), size, partial(require_measured, area, [file], [kind]))
            elif number not in there or read_json(area.manifest(number)) is not None:
                yield _Check(area.manifest(number), 0, partial(_tell_unmeasured, area.manifest(number)))


def _made(layout: Layout, manifest: RunManifest) -> Iterator[_Check]:
    """Yield the media files that operators made; those in an object store have no local copies."""
    manifests = (stored_manifest(layout, file.number) for file in manifest.files if layout.copy is None)
    sizes = {name: size for file in manifests if file is not None for name, size in listed(layout, file).items()}
    for name, size in sorted(sizes.items()):
        yield _Check(layout.published / name, size, partial(require_made, layout, name))


def _tell_unmeasured(manifest: Path) -> None:
    raise DamagedError(f"{manifest}: is missing, damaged or of another version; {MEASURE_AGAIN}")


def _decided(layout: Layout) -> Iterator[_Check]:
    """Yield outcomes, near pairs and frequent keys."""
    for name, written in decided_files(layout).items():
        path = layout.work / name
        yield _Check(path, written.bytes, partial(_require_decided, layout, path, written))


def _require_decided(layout: Layout, path: Path, written: Sum) -> None:
    """Raise for a damaged file of the deduplicate step; the next run decides again."""
    try:
        require_written(path, written, DECIDE_AGAIN)
    except DamagedError:
        # who only reads the data home may not be able to
        with suppress(OSError):
            path.unlink(missing_ok=True)
            if layout.copy is not None:
                layout.copy.remove_document(layout.decision.relative_to(layout.copy.folder).as_posix())
            layout.decision.unlink(missing_ok=True)
        raise


def _records(layout: Layout, manifest: RunManifest) -> Iterator[_Check]:
    """Yield the records of the outcomes of all runs; those of old runs were removed."""
    for path in sorted(layout.runs.glob("*.json")):
        sums, record = (read_json(path) or {}).get("record"), record_file(layout, path.stem)
        if sums is not None and (record.exists() or path.stem == manifest.run_id):
            yield _Check(record, sums[0], partial(require_written, record, Sum(*sums), RECORD_LOST))


def _files(layout: Layout) -> set[Path]:
    """Return the files on this machine that people or the program read, measured files aside."""
    entries = [layout.published / name for name in PUBLISHED]
    found = [path for entry in entries for path in ([entry] if entry.is_file() else entry.rglob("[!.]*"))]
    found += [path for pattern in _WORK for path in layout.work.glob(pattern)]
    found += [layout.published / name for name in documents(layout.published)]
    return {path for path in found if path.is_file()}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
