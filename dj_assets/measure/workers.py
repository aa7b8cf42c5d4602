"""Worker processes: forked from a process that has loaded once what all of them need, each with a line to this one."""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from typing import TYPE_CHECKING

from dj_assets import settings
from dj_assets.errors import WorkerDiedError
from dj_assets.measure.fork_server import Ended, Fork, Warm

if TYPE_CHECKING:
    from dj_assets.measure.work import MeasuredBlock, Task
    from dj_assets.sources.readers import Block

# What this process can import the server can; the user's main module is not imported again.
_MAIN = """
import json, sys
control, lines, sys.path[:] = json.loads(sys.argv[1])
from dj_assets.measure.fork_server import main
main(control, lines)
"""


class Workers:
    """Up to `most` processes that measure blocks. Their libraries begin to load at once, the rest with `start`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._started = False
        self._ask = threading.Lock()
        self._idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        (self._control, theirs), *lines = (Pipe() for _ in range(most + 1))
        self._lines = [here for here, _ in lines]
        ends = [theirs, *(there for _, there in lines)]
        numbers = [end.fileno() for end in ends]
        self._server = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            [sys.executable, "-c", _MAIN, json.dumps([numbers[0], numbers[1:], [*map(str, sys.path)]])],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **settings.SINGLE_THREAD_ENV},
            pass_fds=numbers,
        )
        for end in ends:
            end.close()

    def warm(self, task: Task) -> None:
        """Let what a task needs be loaded once for all workers; what is loaded already costs next to nothing.

        Raises
        ------
        ConnectionError
            If the process that they are forked from is gone.
        """
        from dj_assets.measure.warming import can_be_warmed

        if can_be_warmed(task):
            self._control.send(Warm(pickle.dumps(task)))

    def start(self, task: Task, count: int) -> None:
        """Start `count` workers for a task, once.

        Raises
        ------
        WorkerDiedError
            If the process that they are forked from did not start.
        """
        self._started = True
        try:
            self.warm(task)
            self._control.send(Fork(count, task.plan.recipe.custom_operators, pickle.dumps(task)))
        except ConnectionError:
            raise WorkerDiedError(f"worker processes do not start (exit code {self._server.wait()})") from None
        for number in range(count):
            self._idle.put(number)

    def measure_block(self, file: str, block: Block) -> MeasuredBlock:
        """Measure a block by the next worker that is idle; threads may call this at the same time.

        Raises
        ------
        WorkerDiedError
            If the worker dies over it, naming file and row.
        """
        number = self._idle.get()
        line = self._lines[number]
        try:
            line.send((file, block))
            answer: MeasuredBlock | Exception = line.recv()
        except (EOFError, ConnectionError):
            raise WorkerDiedError(
                f"{file}: a worker process died ({self._cause(number)}) while the rows from {block.first_row} on were "
                f"measured; often memory: try --workers 1; finished files are kept, run again to go on"
            ) from None
        finally:
            self._idle.put(number)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End all workers, whatever they are at, and wait for them."""
        self._control.close()
        if not self._started:
            # nothing is forked yet, so nobody waits until all is loaded
            self._server.kill()
        self._server.wait()
        for line in self._lines:
            line.close()

    def _cause(self, number: int) -> str:
        """Return how a worker ended."""
        try:
            with self._ask:
                self._control.send(Ended(number))
                code: int = self._control.recv()
        except (EOFError, OSError):
            return "and the process it was forked from"
        return f"{signal.Signals(-code).name}({code})" if code < 0 else f"exit code {code}"


# Workers whose libraries load while this process is still finding out what they are for.
_early: list[Workers] = []


@contextmanager
def early_workers(most: int) -> Iterator[None]:
    """Let the next `take_workers` find up to `most` workers already loading; end those that nobody took."""
    _early.append(Workers(most))
    try:
        yield
    finally:
        while _early:
            _early.pop().close()


def warm_early(task: Task) -> None:
    """Let early workers, if there are any, load what a task needs; a fault shows when they start."""
    with suppress(ConnectionError):
        for workers in _early:
            workers.warm(task)


def take_workers(count: int) -> Workers:
    """Return so many workers, not started yet: those that load already where there are enough."""
    if _early and _early[0].most >= count:
        return _early.pop(0)
    return Workers(count)
