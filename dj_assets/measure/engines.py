"""What measures files: worker processes of this machine, or a Ray cluster. The results are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from dj_assets import settings
from dj_assets.errors import UserError
from dj_assets.home.commit import Commit
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.measure.local import InProcess, WorkerPool, local_engine
from dj_assets.measure.measure_file import Tell, measure_file
from dj_assets.measure.tally import FileTask
from dj_assets.measure.work import Task
from dj_assets.models.extras import require
from dj_assets.publish.flat import one_by_one

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = ("local", "ray")


def default_engine() -> EngineName:
    """Return the engine that the environment names.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    return engine_named(settings.engine())


def engine_named(name: str) -> EngineName:
    """Return the name of an engine, checked.

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
    """Whatever measures the files of a layout."""

    def measure_files(
        self, tasks: Iterable[FileTask], layout: Layout, tell: Tell, commit: Commit
    ) -> Iterator[FileManifest]:
        """Measure and commit files, in any order; yield the manifest of each once it is committed."""


# Opens an engine for what its workers need to know once.
OpenEngine = Callable[[Task], AbstractContextManager[Engine]]


@dataclass(frozen=True)
class Local:
    """Measures file after file on this machine, the blocks of each by all workers."""

    task: Task
    workers: InProcess | WorkerPool

    def measure_files(
        self, tasks: Iterable[FileTask], layout: Layout, tell: Tell, commit: Commit
    ) -> Iterator[FileManifest]:
        """Measure and commit one file after another; the next is asked for when one is done."""
        for task in tasks:
            yield measure_file(task, layout, self.workers.measure_blocks, self.task, tell=tell, commit=commit)


@contextmanager
def on_this_machine(task: Task, workers: int) -> Iterator[Local]:
    """Open the local engine with so many worker processes."""
    with local_engine(task, workers) as pool:
        yield Local(task, pool)


@contextmanager
def on_ray(task: Task, workers: int) -> Iterator[Engine]:
    """Open the engine of a Ray cluster: the one that runs, else one of this machine; with so many workers at most.

    Raises
    ------
    UserError
        If Ray is not installed, or the cluster cannot be used.
    """
    require("ray", "ray")
    from dj_assets.measure.ray.engine import RayEngine

    yield RayEngine(task, workers)


def for_each(engine: EngineName, work: Callable[..., Any], pieces: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Call `work` with the arguments of every piece: here one after another, or spread over the Ray cluster.

    Returns what it returned, in the order of the pieces.
    """
    if engine == "ray":
        require("ray", "ray")
        from dj_assets.measure.ray.spreading import spread

        return spread(work, pieces)
    return one_by_one(work, pieces)
