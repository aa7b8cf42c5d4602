"""All files of a source: find those that are measured and up to date, and measure the others."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.commit import Commit
from dj_assets.home.disk import require_room
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, measured_manifest
from dj_assets.home.numbering import are_aggregates, number_of_aggregates, numbers_of
from dj_assets.measure.engines import OpenEngine
from dj_assets.measure.media_validity import media_up_to_date
from dj_assets.measure.progress import Progress, Report
from dj_assets.measure.tally import TEXT_KEY_FIX, FileTally, FileTask
from dj_assets.measure.work import Task
from dj_assets.media.locations import Root
from dj_assets.models.text.counting import CallCounts
from dj_assets.recipe.plan import Plan, digest
from dj_assets.sources.sources import NO_ROOT, SourceFile
from dj_assets.stores.path import SourcePath


@dataclass(frozen=True)
class MeasuredSource:
    """Hold the files of a source, in order, and where their measured files are; a `limit` ends the source early.

    Each file has its number and its measured files of that number (see `home.numbering`). Shards group files (see
    `subset.grouping`). They decide which process measures which files, and do not change the results. A file of
    `aggregates` has the number that its grouper has.
    """

    files: tuple[SourceFile, ...]
    layout: Layout
    measure_key: str
    text_key: str
    limit: int | None = None
    text_key_fix: str = TEXT_KEY_FIX
    aggregates: int | None = None

    def measured(self) -> list[FileManifest]:
        """Return the manifests of all files.

        Raises
        ------
        UserError
            If a file is not measured, or has changed since; the message names the first one.
        """
        manifests: dict[int, FileManifest] = {}
        for number, file, limit in self._each(manifests):
            manifest = measured_manifest(self.layout, number, file, self.key_of(file), limit)
            if manifest is None:
                raise UserError(f"{file.path}: is not measured yet, or has changed since; materialize the subset again")
            manifests[number] = manifest
        return [*manifests.values()]

    def measured_already(self) -> list[FileManifest]:
        """Return the manifests of the files that are measured and up to date; other files may be left."""
        each = (
            measured_manifest(self.layout, number, file, self.key_of(file), None) for number, file, _ in self._each({})
        )
        return [manifest for manifest in each if manifest is not None]

    def measure_files(
        self,
        task: Task,
        open_engine: OpenEngine,
        report: Report,
        chosen: Collection[SourcePath] | None = None,
        commit: Commit = nullcontext,
    ) -> tuple[list[FileManifest], int]:
        """Measure the files that are not up to date; return all manifests and the number of files measured now.

        `chosen` are the paths of the files to measure, None for all; only their manifests are returned. `commit` is the
        context in which the measured files of a source file are moved to their paths.
        """
        manifests: dict[int, FileManifest] = {}
        measured = 0
        pace = _Pace([file for file in self.files if chosen is None or file.path in chosen], report)
        with open_engine(self._with_folders(task)) as engine:
            for turn in self._turns(manifests, chosen):
                wanted = []
                for file in turn:
                    stored = measured_manifest(self.layout, file.number, file.file, file.measure_key, file.limit)
                    if stored is None or not media_up_to_date(task, self.layout, stored, file):
                        wanted.append(file)
                    else:
                        pace.finish(stored)
                        manifests[stored.number] = stored
                for done in engine.measure_files(self._with_room(task, wanted), self.layout, pace.tell, commit):
                    pace.finish(done)
                    manifests[done.number] = done
                measured += len(wanted)
        if chosen is None:
            self.remove_others([*manifests, *aggregates_of(task.whole or task.plan)])
        return [manifests[number] for number in self.numbers if number in manifests], measured

    def _with_folders(self, task: Task) -> Task:
        """Return the task with the folders for what its operators make and are answered."""
        return task.writing_to(self.layout.made_media).keeping_answers(self.layout.generations)

    def _turns(
        self, manifests: Mapping[int, FileManifest], chosen: Collection[SourcePath] | None
    ) -> Iterator[Sequence[FileTask]]:
        """Yield the files that can be measured at once: all, or one by one until `manifests` reaches the limit."""
        tasks = (
            FileTask(
                file, number, self.key_of(file), self.text_key, limit, self.text_key_fix, self.aggregates is not None
            )
            for number, file, limit in self._each(manifests)
            if chosen is None or file.path in chosen
        )
        if self.limit is None:
            yield [*tasks]
        else:
            yield from ([task] for task in tasks)

    def _with_room(self, task: Task, wanted: Sequence[FileTask]) -> Iterator[FileTask]:
        """Yield the files to measure; raise before anything is written if the disk surely has too little space."""
        for index, file in enumerate(wanted):
            if self.limit is None:
                to_come = wanted[index : index + 1] if index else wanted
                require_room(self.layout.work, task.plan, [each.file for each in to_come])
            yield file

    def key_of(self, file: SourceFile) -> str:
        """Return the measure key of a file: a digest of the measures and of how the file is read."""
        reading = dataclasses.asdict(file.reading)
        del reading["media_root"]
        # the folder of the file adds nothing to the key: the manifest has the path of its file
        usual = file.reading.media_root in (NO_ROOT, Root(str(file.path.parent.absolute())))
        elsewhere = [] if usual else [file.reading.media_root.as_json()]
        longest = settings.max_record_bytes()
        if longest != settings.MAX_LINE_BYTES:
            elsewhere = [*elsewhere, {"max_record_bytes": longest}]
        if file.reading.as_it_stands and not elsewhere:
            return self.measure_key
        return digest([self.measure_key, reading, *elsewhere])

    def _each(self, manifests: Mapping[int, FileManifest]) -> Iterator[tuple[int, SourceFile, int | None]]:
        """Yield number, file and limit of every file, until the manifests found reach the limit."""
        for number, file in zip(self.numbers, self.files, strict=True):
            limit = (
                None if self.limit is None else self.limit - sum(manifest.records for manifest in manifests.values())
            )
            if limit is not None and limit <= 0:
                return
            yield number, file, limit

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of the files."""
        if self.aggregates is not None:
            return (self.aggregates,)
        return numbers_of(self.layout, self.files)

    def remove_others(self, numbers: Iterable[int]) -> None:
        """Remove the measured files of all numbers but `numbers`: there are no such files any more."""
        kept = set(numbers)
        for manifest in self.layout.manifest(0).parent.glob("*.json"):
            if int(manifest.stem) not in kept:
                if self.layout.copy:
                    self.layout.copy.remove_document(manifest.relative_to(self.layout.copy.folder).as_posix())
                manifest.unlink(missing_ok=True)
                for kind in self.layout.kinds:
                    self.layout.measured(kind, int(manifest.stem)).unlink(missing_ok=True)


def aggregates_of(plan: Plan) -> list[int]:
    """Return the numbers of the files of aggregates of a plan."""
    return [number_of_aggregates(step.index) for step in plan.groupers]


def source_version(manifests: Sequence[FileManifest]) -> str:
    """Return the data version of a source: its contents with media, and how much is read; paths do not change it."""
    return digest([[file.sha256, file.records, *filter(None, [file.media])] for file in manifests])


def measured_version(measure_key: str, manifests: Sequence[FileManifest]) -> str:
    """Return the data version of the measured files of a source."""
    # the key of a file also covers how it is read
    return digest([measure_key, [file.measure_key for file in manifests], source_version(manifests)])


def version_with_reference(version: str, reference: Sequence[FileManifest]) -> str:
    """Join the version of the measured files of a source with that of its reference set, if it has one."""
    return (
        digest([version, [file.measure_key for file in reference], source_version(reference)]) if reference else version
    )


def versions_of(
    measure_key: str, manifests: Sequence[FileManifest], reference: Sequence[FileManifest] = ()
) -> tuple[str, ...]:
    """Return the data versions of measured files: without aggregates, then with those of each grouper in turn."""
    sources = sum(not are_aggregates(file.number) for file in manifests)
    return tuple(
        version_with_reference(measured_version(measure_key, manifests[:end]), reference)
        for end in range(sources, len(manifests) + 1)
    )


class _Pace:
    """Add up the progress over all files, to report rates and the remaining time."""

    def __init__(self, files: Sequence[SourceFile], report: Report) -> None:
        self.files = files
        self.report = report
        self.started = time.perf_counter()
        self.finished = self.rows = self.text_bytes = self.file_bytes = 0
        self.under_way: dict[int, FileTally] = {}
        self.calls = CallCounts()

    def tell(self, tally: FileTally) -> None:
        """Report the finished files and the progress in the others; called after each block."""
        self.under_way[tally.task.number] = tally
        unfinished = self.under_way.values()
        calls = [counts for file in unfinished for counts in file.calls.values()]
        self.report(
            Progress(
                file=self.finished,
                files=len(self.files),
                rows=self.rows + sum(file.rows for file in unfinished),
                text_bytes=self.text_bytes + sum(file.text_bytes for file in unfinished),
                file_bytes=self.file_bytes + sum(file.file_bytes for file in unfinished),
                total_file_bytes=sum(file.size for file in self.files),
                seconds=time.perf_counter() - self.started,
                calls=self.calls.asked + sum(counts.asked for counts in calls),
                tokens=self.calls.tokens + sum(counts.tokens for counts in calls),
            )
        )

    def finish(self, manifest: FileManifest) -> None:
        """Count a file that is finished, now or in an earlier run."""
        tally = self.under_way.pop(manifest.number, None)
        if tally is not None:
            self.calls = sum(tally.calls.values(), self.calls)
        self.finished += 1
        self.rows += manifest.rows
        self.text_bytes += manifest.text_bytes
        self.file_bytes += manifest.size
