"""Measure files by a Ray cluster with readers, workers and join tasks; the driver receives only counts."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import ray
import ray.data
from ray.data import ActorPoolStrategy

from dj_assets.errors import DjError, UnreadableFileError
from dj_assets.home.commit import Commit, Sums, commit_files
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.measure.measure_file import Tell
from dj_assets.measure.ray.claims import Claim, claim_of
from dj_assets.measure.ray.cluster import connect, environment, look_over, nodes
from dj_assets.measure.ray.joining import join_blocks
from dj_assets.measure.ray.reading import End, SourceBlocks, content_of
from dj_assets.measure.ray.working import Done, Worker
from dj_assets.measure.tally import FileTally, FileTask
from dj_assets.measure.unreadable import Unreadable
from dj_assets.measure.work import Task

# One reader decompresses and cuts blocks faster than this number of workers measures them.
_WORKERS_A_READER = 16


@dataclass(frozen=True)
class RayEngine:
    """Engine that measures all files at once; Ray repeats the blocks that a dead node had under way."""

    task: Task
    workers: int

    def measure_files(
        self, tasks: Iterable[FileTask], layout: Layout, tell: Tell, commit: Commit
    ) -> Iterator[FileManifest]:
        """Measure and commit files; each is yielded once it is complete, in any order.

        Raises
        ------
        UserError
            If the cluster cannot be used, or a source file has an error. Files that cannot be read are named after all
            others are measured, one line each, at most ten.
        WorkerDiedError
            If workers die repeatedly over a block; the message names the file and the rows.
        """
        files = {task.number: _FileUnderWay(task, layout) for task in tasks}
        if not files:
            return
        connect()
        cluster = nodes()
        look_over(cluster, layout.work, [file.task.file.path for file in files.values()])
        joining: dict[ray.ObjectRef[Sums], _FileUnderWay] = {}
        unreadable = Unreadable()
        try:
            claim = claim_of(self.task, cluster, layout, self.workers)
            with closing(self._measured(files, layout, claim)) as measured:
                for file_number, number, content in measured:
                    file = files[file_number]
                    try:
                        file.add(number, content)
                    except UnreadableFileError as error:
                        unreadable.add(file_number, error)
                        if unreadable.are_enough:
                            break
                        continue
                    tell(file.tally)
                    if file.is_whole:
                        joining[file.join()] = file
                    yield from _committed(joining, commit, timeout=0)
            while joining:
                yield from _committed(joining, commit, timeout=None)
            unreadable.raise_if_any()
        finally:
            for file in files.values():
                shutil.rmtree(layout.under_way(file.task.number).work, ignore_errors=True)
            with suppress(OSError):  # others are at work there
                layout.under_way(0).work.parent.rmdir()

    def _measured(
        self, files: dict[int, _FileUnderWay], layout: Layout, claim: Claim
    ) -> Generator[tuple[int, int, object]]:
        """Yield file number, block number and result of every block, in the order of completion."""
        tasks = {number: file.task for number, file in files.items()}
        readers = -(-claim.workers // _WORKERS_A_READER)
        _configure()
        blocks = ray.data.read_datasource(
            SourceBlocks([*tasks.values()], self.task.plan.block_bytes),
            override_num_blocks=len(tasks),
            concurrency=readers,
            # readers mostly wait for workers, so they must not claim CPUs that workers need
            num_cpus=0,
            runtime_env=environment(),
        )
        done = blocks.map_batches(
            Worker,
            fn_constructor_args=(self.task.plan.recipe.custom_operators, pickle.dumps(self.task), tasks, layout),
            batch_size=1,
            batch_format="pyarrow",
            # idle workers end early, so that replacements for the workers of a dead node can start
            compute=ActorPoolStrategy(min_size=1, max_size=claim.workers, initial_size=claim.workers),
            **claim.options(),
        )
        for rows in done.iter_batches(batch_size=None, batch_format="pyarrow"):
            for index in range(rows.num_rows):
                yield content_of(rows, index)


@dataclass
class _FileUnderWay:
    """Hold a source file with some measured blocks: they arrive in any order and are added up in the file's order."""

    task: FileTask
    layout: Layout
    tally: FileTally = field(init=False)
    waiting: dict[int, object] = field(default_factory=dict)
    blocks: int = 0
    end: End | None = None

    def __post_init__(self) -> None:
        self.tally = FileTally(self.task)
        shutil.rmtree(self.layout.under_way(self.task.number).work, ignore_errors=True)

    def add(self, number: int, content: object) -> None:
        """Add the result of a block, or the end of the file; raise the error that a worker returned instead."""
        self.waiting[number] = content
        while self.blocks in self.waiting:
            message = self.waiting.pop(self.blocks)
            if isinstance(message, DjError):
                raise message
            if isinstance(message, End):
                self.end = message
                return
            assert isinstance(message, Done)  # noqa: S101
            self.tally.add(message.summary, message.node, message.peak_rss_mb)
            self.blocks += 1

    @property
    def is_whole(self) -> bool:
        """Return whether every block is measured."""
        return self.end is not None

    def join(self) -> ray.ObjectRef[Sums]:
        """Start to write the measured files to a temporary folder."""
        # workers hold all CPUs until everything is measured
        joining = join_blocks.options(num_cpus=0, scheduling_strategy="SPREAD", runtime_env=environment())
        begun: ray.ObjectRef[Sums] = joining.remote(self.layout, self.task.number, self.blocks)
        return begun

    def commit(self, joined: Sums, commit: Commit) -> FileManifest:
        """Move the joined files to their paths and commit them."""
        assert self.end is not None  # noqa: S101
        aside, number = self.layout.under_way(self.task.number), self.task.number
        files = {kind: aside.measured(kind, number) for kind in self.layout.kinds}
        committed = commit_files(
            self.tally.manifest(self.end.sha256, self.end.members), self.layout, files, commit, joined
        )
        shutil.rmtree(aside.work, ignore_errors=True)
        return committed


def _committed(
    joining: dict[ray.ObjectRef[Sums], _FileUnderWay], commit: Commit, timeout: float | None
) -> Iterator[FileManifest]:
    """Commit the files that are joined by now; wait up to `timeout` seconds for one, without end if None."""
    ready, _ = ray.wait([*joining], num_returns=1, timeout=timeout) if joining else ([], [])
    for ref in ready:
        yield joining.pop(ref).commit(ray.get(ref), commit)


def _configure() -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # every row is a task of its own: Ray must not merge them
    context.target_max_block_size = 1
