"""All shards of a subset: which are measured and up to date, and the measuring of those that are not."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dj_assets.engine.local import local_engine
from dj_assets.engine.progress import Progress, Report
from dj_assets.engine.shard import Commit, ShardTask, measure_shard
from dj_assets.engine.work import Task
from dj_assets.errors import UserError
from dj_assets.media.places import Root
from dj_assets.recipe.plan import digest
from dj_assets.storage.disk import require_room
from dj_assets.storage.layout import Layout
from dj_assets.storage.manifest import ShardManifest, measured_shard, stored_shard
from dj_assets.storage.numbering import numbers_of
from dj_assets.storage.sources import NO_ROOT, SourceFile


@dataclass(frozen=True)
class Shards:
    """What is measured of a source, file by file, in the order of the files; a `limit` ends it early.

    Each file has its number and its measured files of that number (see `storage.numbering`). Shards that group several
    files are a matter of who measures what, see `storage.grouping`: they change nothing in what is measured.
    """

    files: tuple[SourceFile, ...]
    layout: Layout
    measure_key: str
    text_key: str
    limit: int | None = None

    def measured(self) -> list[ShardManifest]:
        """Return the manifests of all shards.

        Raises
        ------
        UserError
            Naming the first file that is not measured, or has changed since.
        """
        found: list[ShardManifest] = []
        for number, file, limit in self._each(found):
            shard = measured_shard(self.layout, number, file, self.key_of(file), limit)
            if shard is None:
                raise UserError(f"{file.path}: is not measured yet, or has changed since; materialize the subset again")
            found.append(shard)
        return found

    def measured_already(self) -> list[ShardManifest]:
        """Return the manifests of the files that are measured and up to date; there may be others."""
        each = (
            measured_shard(self.layout, number, file, self.key_of(file), None) for number, file, _ in self._each(())
        )
        return [shard for shard in each if shard is not None]

    def measure(
        self,
        task: Task,
        workers: int,
        report: Report,
        chosen: Collection[Path] | None = None,
        commit: Commit = nullcontext,
    ) -> tuple[list[ShardManifest], int]:
        """Measure the files that are not up to date; return all manifests and how many were measured now.

        `chosen` are the paths of the files to be measured, None for all; the manifests are theirs. `commit` is entered
        while a shard's files are put into place.
        """
        found: list[ShardManifest] = []
        measured = 0
        pace = _Pace([file for file in self.files if chosen is None or file.path in chosen], report)
        with local_engine(task, workers) as engine:
            for number, file, limit in self._each(found):
                if chosen is not None and file.path not in chosen:
                    continue
                shard = measured_shard(self.layout, number, file, self.key_of(file), limit)
                if shard is None:
                    self._require_room(task, [*self._not_measured(number, chosen)] if not measured else [file])
                    wanted = ShardTask(file, number, self.key_of(file), self.text_key, limit)
                    shard = measure_shard(wanted, self.layout, engine, task, pace.within(len(found)), commit=commit)
                    measured += 1
                pace.finish(shard)
                found.append(shard)
        if chosen is None:
            self.remove_others(shard.shard for shard in found)
        return found, measured

    def _not_measured(self, first: int, chosen: Collection[Path] | None) -> Iterator[SourceFile]:
        """Yield the files whose shard is not there or of another recipe, and that of the number `first`."""
        for number, file in zip(self.numbers, self.files, strict=True):
            if chosen is None or file.path in chosen:
                stored = stored_shard(self.layout, number)
                if number == first or stored is None or stored.measure_key != self.key_of(file):
                    yield file

    def _require_room(self, task: Task, files: Sequence[SourceFile]) -> None:
        """Raise before anything is written that the disk surely has no room for."""
        if self.limit is None:
            require_room(self.layout.work, task.plan, files)

    def key_of(self, file: SourceFile) -> str:
        """Return the identity of a file's measured shard: what is measured, and how the file is read."""
        reading = dataclasses.asdict(file.reading)
        root = reading.pop("media_root")
        # beside the file is no news: a manifest knows the path of its file
        usual = file.reading.media_root in (NO_ROOT, Root(str(file.path.parent.absolute())))
        elsewhere = [] if usual else [root]
        if file.reading.as_it_stands and not elsewhere:
            return self.measure_key
        return digest([self.measure_key, reading, *elsewhere])

    def _each(self, found: Sequence[ShardManifest]) -> Iterator[tuple[int, SourceFile, int | None]]:
        """Yield number, file and limit of every shard, as long as the limit is not used up by those found."""
        for number, file in zip(self.numbers, self.files, strict=True):
            limit = None if self.limit is None else self.limit - sum(shard.records for shard in found)
            if limit is not None and limit <= 0:
                return
            yield number, file, limit

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the files."""
        return numbers_of(self.layout, self.files)

    def remove_others(self, numbers: Iterable[int]) -> None:
        """Remove the measured files of all numbers but some: the source no longer has them."""
        kept = set(numbers)
        for manifest in self.layout.manifest(0).parent.glob("*.json"):
            if int(manifest.stem) not in kept:
                manifest.unlink()
                for kind in self.layout.kinds:
                    self.layout.measured(kind, int(manifest.stem)).unlink(missing_ok=True)


def source_version(shards: Sequence[ShardManifest]) -> str:
    """Return the data version of a source: its contents and how much of them is read, not where they lie."""
    return digest([[shard.sha256, shard.records] for shard in shards])


def measured_version(measure_key: str, shards: Sequence[ShardManifest]) -> str:
    """Return the data version of what was measured of a source."""
    # the key of a shard tells how it is read, too
    return digest([measure_key, [shard.measure_key for shard in shards], source_version(shards)])


def version_with_reference(own: str, reference: Sequence[ShardManifest]) -> str:
    """Return the version `own` of what was measured of a source, joined with that of its reference set, if any."""
    return digest([own, [shard.measure_key for shard in reference], source_version(reference)]) if reference else own


class _Pace:
    """Adds up what was done over all shards, to tell rates and the time to go."""

    def __init__(self, files: Sequence[SourceFile], report: Report) -> None:
        self.files = files
        self.report = report
        self.started = time.perf_counter()
        self.rows = self.text_bytes = self.file_bytes = 0

    def within(self, shard: int) -> Callable[[int, int, int], None]:
        """Return what a shard calls after each block: rows, text bytes and file bytes of that shard so far."""

        def tell(rows: int, text_bytes: int, file_bytes: int) -> None:
            """Report the shards before this one and what is done of it."""
            self.report(
                Progress(
                    shard=shard,
                    shards=len(self.files),
                    rows=self.rows + rows,
                    text_bytes=self.text_bytes + text_bytes,
                    file_bytes=self.file_bytes + file_bytes,
                    total_file_bytes=sum(file.size for file in self.files),
                    seconds=time.perf_counter() - self.started,
                )
            )

        return tell

    def finish(self, shard: ShardManifest) -> None:
        """Count a shard that is done, or was."""
        self.rows += shard.rows
        self.text_bytes += shard.text_bytes
        self.file_bytes += shard.size
