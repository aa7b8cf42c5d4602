"""The local engine: a pool of single-threaded worker processes, fed in order, with back-pressure."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from dj_assets.measure.media_stage import close_readers
from dj_assets.measure.work import BegunBlock, MeasuredBlock, Task, begin_block, measure_begun, measure_block
from dj_assets.measure.workers import Workers, has_early_workers, take_workers
from dj_assets.sources.readers import Block

# Blocks under way for each worker: one being measured, one waiting, so that no worker idles while a result is written.
IN_FLIGHT = 2


class InProcess:
    """Measure block after block in this process, for small inputs and for debuggers."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def measure_blocks(self, file: str, blocks: Iterator[Block]) -> Iterator[MeasuredBlock]:
        """Measure the blocks one after another; media of the next block are read while the last of one are measured."""
        if not self.task.plan.media:
            yield from (measure_block(self.task, file, block) for block in blocks)
            return
        ahead: deque[Future[BegunBlock]] = deque()

        def begin_next() -> None:
            """Begin the next block, if there is one; an error is raised when its turn comes."""
            begun: Future[BegunBlock] = Future()
            try:
                block = next(blocks, None)
                if block is None:
                    return
                begun.set_result(begin_block(self.task, file, block))
            except Exception as error:  # noqa: BLE001 - raised again below
                begun.set_exception(error)
            ahead.append(begun)

        begin_next()
        while ahead:
            yield measure_begun(ahead.popleft().result(), begin_next)


class WorkerPool:
    """Measure blocks in worker processes that load operators and models once."""

    def __init__(self, workers: Workers, count: int) -> None:
        self.workers = workers
        self.threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self.most = IN_FLIGHT * count

    def measure_blocks(self, file: str, blocks: Iterator[Block]) -> Iterator[MeasuredBlock]:
        """Measure the blocks, at most `IN_FLIGHT` per worker at a time; yield the results in the order of the blocks.

        Raises
        ------
        WorkerDiedError
            If a worker process dies; the message names the file and the rows that it was measuring.
        """
        under_way: deque[Future[MeasuredBlock]] = deque()
        for block in blocks:
            under_way.append(self.threads.submit(self.workers.measure_block, file, block))
            if len(under_way) >= self.most:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def close(self) -> None:
        """End the workers at once, also while they measure."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.workers.close()
        self.threads.shutdown()


@contextmanager
def local_engine(task: Task, count: int) -> Iterator[InProcess | WorkerPool]:
    """Yield an engine of `count` worker processes; with one, everything runs in this process.

    Where early workers are loading already, one of them measures sooner than this process could.
    """
    if count <= 1 and not has_early_workers():
        try:
            yield InProcess(task)
        finally:
            close_readers()
        return
    workers = take_workers(count)
    pool = WorkerPool(workers, count)
    try:
        workers.start(task, count)
        if task.plan.deduplicators:
            threading.Thread(target=_load_ahead, daemon=True).start()
        yield pool
    finally:
        pool.close()


def _load_ahead() -> None:
    """Load the kernels that find duplicates, while the workers load theirs."""
    from dj_assets.kernels.components import components
    from dj_assets.kernels.hamming import near_pairs

    components(1, np.empty(0, np.int64), np.empty(0, np.int64))
    near_pairs(np.zeros(1, np.uint64), 4)
