"""The engines that measure files: worker processes of this machine, or a Ray cluster. Both give the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from dj_assets import settings
from dj_assets.errors import UnreadableFileError, UserError
from dj_assets.home.commit import Commit
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.measure.local import InProcess, WorkerPool, local_engine
from dj_assets.measure.measure_file import Tell, measure_file
from dj_assets.measure.tally import FileTask
from dj_assets.measure.unreadable import Unreadable
from dj_assets.measure.work import Task
from dj_assets.models.extras import require
from dj_assets.publish.flat import by_threads, one_by_one

EngineName = Literal["local", "ray"]
R = TypeVar("R")
ENGINES: tuple[EngineName, ...] = ("local", "ray")


def default_engine() -> EngineName:
    """Return the engine that the environment variable names.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    return engine_named(settings.engine())


def engine_named(name: str) -> EngineName:
    """Return the name of an engine after a check.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    for engine in ENGINES:
        if engine == name:
            return engine
    raise UserError(f"unknown engine {name!r}; there are {' and '.join(ENGINES)}")


class Engine(Protocol):
    """Interface of an engine: it measures the files of a layout."""

    def measure_files(
        self, tasks: Iterable[FileTask], layout: Layout, tell: Tell, commit: Commit
    ) -> Iterator[FileManifest]:
        """Measure and commit files, in any order; yield the manifest of each once it is committed."""


# Opens an engine for the task that each of its workers loads once.
OpenEngine = Callable[[Task], AbstractContextManager[Engine]]


@dataclass(frozen=True)
class Local:
    """Engine that measures file after file on this machine; all workers share the blocks of a file."""

    task: Task
    workers: InProcess | WorkerPool

    def measure_files(
        self, tasks: Iterable[FileTask], layout: Layout, tell: Tell, commit: Commit
    ) -> Iterator[FileManifest]:
        """Measure and commit one file after another; the next task is taken when a file is done.

        Raises
        ------
        UnreadableFileError
            After all other files are measured, with one line for each file that cannot be read, at most ten.
        """
        unreadable = Unreadable()
        for task in tasks:
            try:
                measure, in_threads = self.workers.measure_blocks, isinstance(self.workers, WorkerPool)
                done = measure_file(task, layout, measure, self.task, tell=tell, commit=commit, in_threads=in_threads)
            except UnreadableFileError as error:
                unreadable.add(task.number, error)
                if unreadable.are_enough:
                    break
            else:
                yield done
        unreadable.raise_if_any()


@contextmanager
def on_this_machine(task: Task, workers: int) -> Iterator[Local]:
    """Open the local engine with `workers` worker processes."""
    with local_engine(task, workers) as pool:
        yield Local(task, pool)


@contextmanager
def on_ray(task: Task, workers: int) -> Iterator[Engine]:
    """Open the engine of a Ray cluster with at most `workers` workers.

    The cluster is the one that already runs, else one that is started on this machine.

    Raises
    ------
    UserError
        If Ray is not installed, or the cluster cannot be used.
    """
    require("ray", "ray")
    from dj_assets.measure.ray.engine import RayEngine

    yield RayEngine(task, workers)


def for_each(
    engine: EngineName, work: Callable[..., R], pieces: Iterable[tuple[object, ...]], threads: int = 1
) -> list[R]:
    """Call `work` with the arguments of every piece: in `threads` of this process, or spread over the Ray cluster.

    The results are returned in the order of the pieces.
    """
    if engine == "ray":
        require("ray", "ray")
        from dj_assets.measure.ray.spreading import spread

        return spread(work, pieces)
    return one_by_one(work, pieces) if threads == 1 else by_threads(work, pieces, threads)
