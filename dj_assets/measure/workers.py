"""Worker processes, forked from a process with all libraries loaded, each with a connection to this process."""

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

from dj_assets import settings, system, variables
from dj_assets.errors import UserError, WorkerDiedError
from dj_assets.measure.fork_server import Ended, Fork, Warm, received

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from dj_assets.measure.work import MeasuredBlock, Task
    from dj_assets.sources.readers import Block

# The server can import the same modules as this process; the user's main module is not imported again.
_MAIN = """
import json, sys
control, lines, sys.path[:] = json.loads(sys.argv[1])
from dj_assets.measure.fork_server import main
main(control, lines)
"""


# Files that a process opens in addition to the connections to its workers.
_OTHER_FILES = 32


class Workers:
    """Hold up to `most` processes that measure blocks. Libraries load at once, models and operators with `start`."""

    def __init__(self, most: int) -> None:
        # a mistake in it would be a traceback of the other process
        variables.KERNELS.choice("shipped")
        self.most = most
        self._started = False
        self._ask = threading.Lock()
        self._idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        (self._control, theirs), *lines = _pipes(most + 1)
        self._lines = [here for here, _ in lines]
        ends = [theirs, *(there for _, there in lines)]
        numbers = [end.fileno() for end in ends]
        self._server = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            # -P: a module in the current folder, where data may be, is not imported
            [sys.executable, "-P", "-c", _MAIN, json.dumps([numbers[0], numbers[1:], [*map(str, sys.path)]])],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **settings.SINGLE_THREAD_ENV},
            pass_fds=numbers,
        )
        for end in ends:
            end.close()

    def warm(self, task: Task) -> None:
        """Load the libraries and models of a task once for all workers; a second call costs next to nothing.

        Raises
        ------
        ConnectionError
            If the fork server is gone.
        """
        from dj_assets.measure.warming import can_be_warmed

        if can_be_warmed(task):
            self._control.send(Warm(pickle.dumps(task)))

    def start(self, task: Task, count: int) -> None:
        """Start `count` workers for a task, once.

        Raises
        ------
        WorkerDiedError
            If the fork server did not start.
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
        """Measure a block with the next idle worker; several threads may call this at the same time.

        Raises
        ------
        WorkerDiedError
            If the worker dies while it measures the block; the message names file and row.
        """
        number = self._idle.get()
        line = self._lines[number]
        try:
            line.send((file, block))
            answer: MeasuredBlock | Exception = received(line)
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
        """End all workers at once, also while they measure, and wait for them."""
        self._control.close()
        if not self._started:
            # no worker is forked yet: do not wait until the libraries are loaded
            self._server.kill()
        self._server.wait()
        for line in self._lines:
            line.close()

    def _cause(self, number: int) -> str:
        """Return how a worker ended: its signal or its exit code."""
        try:
            with self._ask:
                self._control.send(Ended(number))
                code: int = self._control.recv()
        except (EOFError, OSError):
            return "and the process it was forked from"
        return f"{signal.Signals(-code).name}({code})" if code < 0 else f"exit code {code}"


def _pipes(number: int) -> list[tuple[Connection, Connection]]:
    """Return connections, each as both of its ends.

    Raises
    ------
    UserError
        If they are more than the open files that the system allows.
    """
    needed = 2 * number + _OTHER_FILES
    allowed = system.allow_open_files(needed)
    if allowed is not None:
        raise _too_many(number - 1, needed, allowed)
    return [Pipe() for _ in range(number)]


def _too_many(workers: int, needed: int, allowed: int) -> UserError:
    return UserError(
        f"{workers} worker processes need about {needed} open files, and the system allows {allowed}; "
        f"use fewer (--workers), or raise the limit (ulimit -n {needed})"
    )


# Workers that load their libraries while this process still reads the recipe.
_early: list[Workers] = []


@contextmanager
def early_workers(most: int) -> Iterator[None]:
    """Start up to `most` workers, which the next `take_workers` returns; end them on exit if they were not taken."""
    _early.append(Workers(most))
    try:
        yield
    finally:
        while _early:
            _early.pop().close()


def warm_early(task: Task) -> None:
    """Let early workers, if any, load the libraries and models of a task; an error is raised when they start."""
    with suppress(ConnectionError):
        for workers in _early:
            workers.warm(task)


def has_early_workers() -> bool:
    """Return whether early workers are loading that no engine has taken yet."""
    return bool(_early)


def take_workers(count: int) -> Workers:
    """Return `count` workers, not started yet: the early workers if there are enough of them, else new ones."""
    if _early and _early[0].most >= count:
        return _early.pop(0)
    return Workers(count)
