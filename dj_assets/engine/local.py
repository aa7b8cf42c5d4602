"""The local engine: a pool of single-threaded worker processes, fed in order, with back-pressure."""

from __future__ import annotations

import gc
import os
import pickle
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from dj_assets import settings
from dj_assets.engine.media_stage import close_readers
from dj_assets.engine.work import MeasuredBlock, Task, measure_block
from dj_assets.errors import WorkerDiedError
from dj_assets.recipe.load import import_operators
from dj_assets.storage.readers import Block

# Blocks under way for each worker: one being measured, one waiting, so that no worker idles while a result is written.
IN_FLIGHT = 2


class Engine(Protocol):
    """Whatever measures blocks and hands the results back in the order of the blocks."""

    def measure(self, file: str, blocks: Iterator[Block]) -> Iterator[MeasuredBlock]:
        """Measure the blocks of a file, named by its path."""


class InProcess:
    """Measures block after block in this process: for small inputs and for debuggers."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def measure(self, file: str, blocks: Iterator[Block]) -> Iterator[MeasuredBlock]:
        """Measure the blocks one after another."""
        for block in blocks:
            yield measure_block(self.task, file, block)


class Pool:
    """Measures blocks in worker processes that load operators and models once."""

    def __init__(self, executor: Any, workers: int) -> None:  # noqa: ANN401
        self.executor = executor
        self.workers = workers

    def measure(self, file: str, blocks: Iterator[Block]) -> Iterator[MeasuredBlock]:
        """Measure the blocks, at most `IN_FLIGHT` a worker at a time; results come in the order of the blocks.

        Raises
        ------
        WorkerDiedError
            If a worker process dies, naming the file and the rows that were under way.
        """
        under_way: deque[tuple[int, Future[MeasuredBlock]]] = deque()
        for block in blocks:
            under_way.append((block.first_row, self.executor.submit(_measure_in_worker, file, block)))
            if len(under_way) >= IN_FLIGHT * self.workers:
                yield self._oldest(file, under_way)
        while under_way:
            yield self._oldest(file, under_way)

    def _oldest(self, file: str, under_way: deque[tuple[int, Future[MeasuredBlock]]]) -> MeasuredBlock:
        from loky.process_executor import TerminatedWorkerError

        first_row, future = under_way.popleft()
        try:
            return future.result()
        except TerminatedWorkerError as error:
            starts = ", ".join(str(row) for row in (first_row, *(row for row, _ in under_way)))
            codes = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
            cause = codes[1] if codes else "no exit code"
            raise WorkerDiedError(
                f"{file}: a worker process died ({cause}) while the blocks starting at rows {starts} were measured; "
                f"often memory: try --workers 1; finished shards are kept, run again to go on"
            ) from None


@contextmanager
def local_engine(task: Task, workers: int) -> Iterator[Engine]:
    """Yield an engine of `workers` processes; with one worker everything happens in this process."""
    if workers <= 1:
        try:
            yield InProcess(task)
        finally:
            close_readers()
        return
    from loky import ProcessPoolExecutor

    pickled = pickle.dumps(task)
    executor = ProcessPoolExecutor(
        max_workers=workers,
        initializer=_start_worker,
        initargs=(task.plan.recipe.custom_operators, pickled),
        env=dict(settings.SINGLE_THREAD_ENV),
    )
    try:
        yield Pool(executor, workers)
    finally:
        executor.shutdown(wait=True, kill_workers=True)


_task: Task | None = None


def _start_worker(custom_operators: tuple[Path, ...], pickled: bytes) -> None:
    """Import the user's operators, then the task that names them; leave when the parent leaves."""
    global _task  # noqa: PLW0603 - one task a worker process, set once
    import pyarrow as pa

    gc.set_threshold(settings.COLLECT_AFTER)
    pa.set_cpu_count(1)
    import_operators(custom_operators)
    _task = pickle.loads(pickled)  # noqa: S301 - written by our own parent
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()


def _leave_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _measure_in_worker(file: str, block: Block) -> MeasuredBlock:
    assert _task is not None, "the initializer ran"  # noqa: S101
    return measure_block(_task, file, block)
