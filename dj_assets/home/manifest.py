"""Manifests: small JSON files, written last, that say what is measured of a source file, or what a run published."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from dj_assets.errors import DamagedError
from dj_assets.home.damage import Sum, require_sound
from dj_assets.home.json_files import read_json, write_document
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import PublishedFile, RunManifest
from dj_assets.models.text.counting import CallCounts
from dj_assets.sources.sources import SourceFile, content_sha256
from dj_assets.stores.copies import all_at_hand, at_hand, fetched_anew, is_stored

# The fix for a damaged measured file,
MEASURE_AGAIN = "run the subset again: only damaged files are measured again"
# and a refined one.
REFINE_AGAIN = "run the subset again: it is refined again from the measured files"
_TIME = "%Y%m%dT%H%M%S.%f"
# A manifest without these is still right.
_CAME_LATER = {"nodes", "worker_mb", "media", "decoders", "members", "calls"}
_TICK = datetime.timedelta(microseconds=1)
T = TypeVar("T")


@dataclass(frozen=True)
class FileManifest:
    """Hold the facts about one measured source file; its existence commits the measured files.

    `number` is the file's number in its subset. `records` are the records of the source that are not blank lines;
    `rows` of them were measured, `dropped` and `quarantined` left while loading, `left_out` more belong to another
    subset. `seconds` is the time every step took, summed over workers. `files` has size and CRC-32 of every measured
    file, by its kind. `nodes` counts the blocks that each machine measured; `worker_mb` is the largest size of a worker
    of a cluster, 0 where nobody asked. `media` is a digest of the files of media that its samples list, empty where
    there are none. `decoders` is the version of the choice of decoders (`media.decoded_by.DECODERS`). `members` are the
    paths of joined files, each with the row at which it begins. `calls` are those of language models when the file was
    measured, by the step.
    """

    number: int
    path: str
    size: int
    mtime_ns: int
    sha256: str
    measure_key: str
    limit: int | None
    records: int
    rows: int
    dropped: int
    quarantined: int
    text_bytes: int
    left_out: int = 0
    field_types: object = None
    seconds: dict[str, float] = field(default_factory=dict)
    files: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
    worker_mb: float = 0.0
    media: str = ""
    decoders: int = 1
    members: tuple[tuple[str, int], ...] = ()
    calls: dict[str, CallCounts] = field(default_factory=dict)

    def written(self, kind: str) -> Sum:
        """Return size and CRC-32 of the measured file of a kind, as it was written."""
        return Sum(*self.files[kind])

    def write(self, layout: Layout) -> None:
        """Write the manifest: from now on the file is measured."""
        write_document(layout.manifest(self.number), numbered_json(self))

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> FileManifest:
        """Return a manifest from its JSON."""
        files = {kind: tuple(sums) for kind, sums in content["files"].items()}
        members = tuple((path, row) for path, row in content.get("members", ()))
        calls = {label: CallCounts.of_json(counts) for label, counts in content.get("calls", {}).items()}
        return of_numbered_json(cls, {**content, "files": files, "members": members, "calls": calls})


_KEYS = {"shard" if f.name == "number" else f.name for f in dataclasses.fields(FileManifest)}


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


def numbered_json(record: _Dataclass) -> dict[str, object]:
    """Return the JSON of a record about one source file; there its `number` is called `shard`, as in tables."""
    content = dataclasses.asdict(record)
    return {"shard" if name == "number" else name: value for name, value in content.items()}


def of_numbered_json(kind: type[T], content: Mapping[str, Any]) -> T:
    """Return a record from its JSON, as `numbered_json` makes it."""
    return kind(**{"number" if name == "shard" else name: value for name, value in content.items()})


def stored_manifest(layout: Layout, number: int) -> FileManifest | None:
    """Return the stored manifest of a source file, up to date or not; None where there is none of this version."""
    content = read_json(layout.manifest(number))
    if content is None or set(content) | _CAME_LATER != _KEYS:
        return None
    return FileManifest.of_json(content)


def measured_manifest(
    layout: Layout, number: int, file: SourceFile, measure_key: str, limit: int | None
) -> FileManifest | None:
    """Return the manifest of a source file that is measured already and still up to date, else None.

    A file with another time but the same size is compared by its content: touching a file measures nothing again.
    """
    manifest = stored_manifest(layout, number)
    if manifest is None or not all(_is_there(layout, manifest, kind) for kind in layout.kinds):
        return None
    if (manifest.measure_key, manifest.path, manifest.size) != (measure_key, str(file.path), file.size):
        return None
    if manifest.limit != limit:
        return None
    if manifest.mtime_ns != file.mtime_ns:
        if content_sha256(file) != manifest.sha256:
            return None
        manifest = dataclasses.replace(manifest, mtime_ns=file.mtime_ns)
        manifest.write(layout)
    return manifest


def require_measured(layout: Layout, manifests: Iterable[FileManifest], kinds: Iterable[str]) -> None:
    """Raise for the first measured file that is not as it was written; its source file must be measured again.

    Raises
    ------
    DamagedError
        Naming the file and the cure.
    """
    wanted = tuple(kinds)
    listed = list(manifests)
    all_at_hand(layout.measured(kind, manifest.number) for manifest in listed for kind in wanted)
    for manifest in listed:
        for kind in wanted:
            try:
                require_written(layout.measured(kind, manifest.number), manifest.written(kind), MEASURE_AGAIN)
            except DamagedError:
                _forget(layout, manifest)
                raise


def require_refined(layout: Layout, manifest: RunManifest, parts: Iterable[PublishedFile]) -> None:
    """Raise for the first of some refined files that is not what a run published; it is to be written again.

    Raises
    ------
    DamagedError
        Naming the file and the cure.
    """
    for part in parts:
        path = layout.refined / part.name
        try:
            require_written(path, part.written, REFINE_AGAIN)
        except DamagedError:
            _set_aside(layout, manifest, path)
            raise


def require_written(path: Path, written: Sum, cure: str) -> None:
    """Raise where a file is not what was written; a file of a working copy is fetched again first.

    Raises
    ------
    DamagedError
        Naming the file and the cure.
    """
    try:
        require_sound(at_hand(path), written, cure)
    except DamagedError:
        if not fetched_anew(path):
            raise
        require_sound(path, written, cure)


def _is_there(layout: Layout, manifest: FileManifest, kind: str) -> bool:
    path, written = layout.measured(kind, manifest.number), manifest.written(kind)
    return written.fits(path) or (not path.exists() and is_stored(path))


def _forget(layout: Layout, manifest: FileManifest) -> None:
    """Remove the manifest of a source file with damaged measured files; not where it was measured again meanwhile."""
    if layout.copy is not None and stored_manifest(layout, manifest.number) == manifest:
        layout.copy.remove_document(layout.manifest(manifest.number).relative_to(layout.copy.folder).as_posix())
    # who only reads the data home may not be able to
    with suppress(OSError):
        if stored_manifest(layout, manifest.number) == manifest:
            layout.manifest(manifest.number).unlink(missing_ok=True)


def _set_aside(layout: Layout, manifest: RunManifest, part: Path) -> None:
    """Give a damaged refined file another name, so that the next run misses it; not where one published meanwhile.

    In an object store it is removed.
    """
    with suppress(OSError):
        newest = published_run(layout)
        if newest is not None and newest.run_id == manifest.run_id:
            if layout.copy is not None:
                layout.copy.remove_data(part)
            part.rename(part.with_name(f"{part.name}.damaged"))


def measured_files(layout: Layout, kind: str, manifests: Sequence[FileManifest]) -> list[Path]:
    """Return the measured files of one kind, in the order of the manifests; `kind` is one of `MEASURED`."""
    return all_at_hand(layout.measured(kind, manifest.number) for manifest in manifests)


def newest_run(layout: Layout) -> RunManifest | None:
    """Return the manifest of the run that published what is in the folder; None if there is no run.

    Raises
    ------
    UserError
        If a newer version of dj_assets wrote it, or it is damaged.
    """
    return run_named(layout, "")


def published_run(layout: Layout) -> RunManifest | None:
    """Return the newest run for a step that publishes the next one: None also if its manifest is damaged."""
    try:
        return newest_run(layout)
    except DamagedError:
        return None


def run_ids(layout: Layout) -> list[str]:
    """Return the ids of all runs that were committed, oldest first."""
    return sorted(file.stem for file in layout.runs.glob("*.json"))


def next_run_id(layout: Layout, result_key: str) -> str:
    """Return the id of the run that is about to be committed: its time, then what identifies its result.

    It sorts behind the ids of all runs before: where the clock went back since, it is a microsecond later than the
    newest.
    """
    now = datetime.datetime.now(datetime.UTC)
    for last in run_ids(layout)[-1:]:
        now = max(now, datetime.datetime.strptime(last[: last.index("-")], _TIME + "%z") + _TICK)
    return f"{now.strftime(_TIME)}Z-{result_key[:8]}"


def run_named(layout: Layout, name: str) -> RunManifest | None:
    """Return the manifest of a run: "" the newest, "previous" the one before, else the one whose id begins or ends so.

    None where there is no such run, or where several would fit.

    Raises
    ------
    UserError
        If a newer version of dj_assets wrote the manifest, or it is damaged.
    """
    runs = run_ids(layout)
    if name in {"", "previous"}:
        fitting = runs[-1:] if not name else runs[-2:-1]
    else:
        fitting = [run for run in runs if run.startswith(name) or run.endswith(name)]
    if len(fitting) != 1:
        return None
    try:
        return RunManifest.read(layout.runs / f"{fitting[0]}.json")
    except FileNotFoundError:
        return None


def run_before(layout: Layout) -> RunManifest | None:
    """Return the manifest of the run before the newest, or None."""
    return run_named(layout, "previous")


def all_published(layout: Layout, manifest: RunManifest) -> bool:
    """Return whether everything that a run published is still there, in its full length."""
    parts = [(layout.refined / part.name, part.bytes) for part in manifest.refined]
    # for a working copy, each of them would take a read of the manifest
    checksums = manifest.checksums if layout.copy is None else {}
    others = [(layout.published / name, written.bytes) for name, written in checksums.items()]
    wanted = [(layout.database, manifest.database_bytes), *parts, *others]
    return all(_is_published(path, size) for path, size in wanted)


def _is_published(path: Path, size: int | None) -> bool:
    return size in {None, path.stat().st_size} if path.exists() else is_stored(path, size)
