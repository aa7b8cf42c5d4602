"""Files measured by a Ray cluster: readers, workers and those that join, with nothing but counts on the driver."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import ray
import ray.data
from ray.data import ActorPoolStrategy

from dj_assets.errors import DjError
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
from dj_assets.measure.work import Task

# One reader unpacks and cuts faster than so many workers measure.
_WORKERS_A_READER = 16


@dataclass(frozen=True)
class RayEngine:
    """Measures all files at once; Ray retries what a node that died had under way."""

    task: Task
    workers: int

    def measure_files(
        self, tasks: Iterable[FileTask], layout: Layout, tell: Tell, commit: Commit
    ) -> Iterator[FileManifest]:
        """Measure and commit files; each is yielded once it is complete, whatever the order of the files.

        Raises
        ------
        UserError
            If the cluster cannot be used, or a source is at fault.
        WorkerDiedError
            If workers die over a block again and again, naming the file and the rows.
        """
        files = {task.number: _FileUnderWay(task, layout) for task in tasks}
        if not files:
            return
        connect()
        cluster = nodes()
        look_over(cluster, layout.work, [file.task.file.path for file in files.values()])
        joining: dict[ray.ObjectRef[Sums], _FileUnderWay] = {}
        try:
            claim = claim_of(self.task, cluster, layout, self.workers)
            with closing(self._measured(files, layout, claim)) as measured:
                for file_number, number, content in measured:
                    file = files[file_number]
                    file.add(number, content)
                    tell(file.tally)
                    if file.is_whole:
                        joining[file.join()] = file
                    yield from _committed(joining, commit, timeout=0)
            while joining:
                yield from _committed(joining, commit, timeout=None)
        finally:
            for file in files.values():
                shutil.rmtree(layout.under_way(file.task.number).work, ignore_errors=True)
            with suppress(OSError):  # others are at work there
                layout.under_way(0).work.parent.rmdir()

    def _measured(
        self, files: dict[int, _FileUnderWay], layout: Layout, claim: Claim
    ) -> Generator[tuple[int, int, object]]:
        """Yield what workers say of every block, as they come."""
        tasks = {number: file.task for number, file in files.items()}
        readers = -(-claim.workers // _WORKERS_A_READER)
        _configure()
        blocks = ray.data.read_datasource(
            SourceBlocks([*tasks.values()], self.task.plan.block_bytes),
            override_num_blocks=len(tasks),
            concurrency=readers,
            # readers wait for workers, so they must not stand in their way
            num_cpus=0,
            runtime_env=environment(),
        )
        done = blocks.map_batches(
            Worker,
            fn_constructor_args=(self.task.plan.recipe.custom_operators, pickle.dumps(self.task), tasks, layout),
            batch_size=1,
            batch_format="pyarrow",
            # idle workers make room at the end, so that those of a dead node find a place
            compute=ActorPoolStrategy(min_size=1, max_size=claim.workers, initial_size=claim.workers),
            **claim.options(),
        )
        for rows in done.iter_batches(batch_size=None, batch_format="pyarrow"):
            for index in range(rows.num_rows):
                yield content_of(rows, index)


@dataclass
class _FileUnderWay:
    """A source file with some measured blocks: they come in any order and are added up in that of the file."""

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
        """Take what is said of a block, or of the end of the file; raise an error that is told instead."""
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
        """Whether every block is measured."""
        return self.end is not None

    def join(self) -> ray.ObjectRef[Sums]:
        """Begin to write the measured files, aside."""
        # workers hold all CPUs until everything is measured
        joining = join_blocks.options(num_cpus=0, scheduling_strategy="SPREAD", runtime_env=environment())
        begun: ray.ObjectRef[Sums] = joining.remote(self.layout, self.task.number, self.blocks)
        return begun

    def commit(self, joined: Sums, commit: Commit) -> FileManifest:
        """Put the joined files into place."""
        assert self.end is not None  # noqa: S101
        aside, number = self.layout.under_way(self.task.number), self.task.number
        files = {kind: aside.measured(kind, number) for kind in self.layout.kinds}
        committed = commit_files(self.tally.manifest(self.end.sha256), self.layout, files, commit, joined)
        shutil.rmtree(aside.work, ignore_errors=True)
        return committed


def _committed(
    joining: dict[ray.ObjectRef[Sums], _FileUnderWay], commit: Commit, timeout: float | None
) -> Iterator[FileManifest]:
    """Commit the files that are joined by now, or wait for one."""
    ready, _ = ray.wait([*joining], num_returns=1, timeout=timeout) if joining else ([], [])
    for ref in ready:
        yield joining.pop(ref).commit(ray.get(ref), commit)


def _configure() -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # every row is a task of its own: Ray must not pack them together
    context.target_max_block_size = 1
