"""The process that workers are forked from: it loads shared libraries and models once, and has a single thread."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from dj_assets import system


@dataclass(frozen=True)
class Warm:
    """Request to load the libraries and models of a pickled `measure.work.Task` with operators of this project only."""

    task: bytes


@dataclass(frozen=True)
class Fork:
    """Request to fork n `workers` for a pickled task, which may name operators of the user's modules."""

    workers: int
    modules: tuple[Path, ...]
    task: bytes


@dataclass(frozen=True)
class Ended:
    """Request for the exit code of a worker that is ending, in the form of `os.waitstatus_to_exitcode`."""

    worker: int


def main(control: int, ends: Sequence[int]) -> None:
    """Serve the requests of the descriptor `control` until its other end is closed, then end all workers.

    `ends` are the descriptors of the workers' connections, one per worker.
    """
    # the parent also receives Ctrl-C, and ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # imported modules are never garbage
    gc.disable()
    system.share_freed_memory()
    from dj_assets.measure import warming

    warming.load_libraries()
    connection, lines = Connection(control), [Connection(end) for end in ends]
    running: dict[int, int] = {}
    codes: dict[int, int] = {}
    try:
        while True:
            said = received(connection)
            if isinstance(said, Warm):
                warming.load_task(said.task)
            elif isinstance(said, Fork):
                running.update(enumerate(_fork(said, connection, lines)))
            elif isinstance(said, Ended):
                if said.worker in running:
                    codes[said.worker] = os.waitstatus_to_exitcode(os.waitpid(running.pop(said.worker), 0)[1])
                connection.send(codes[said.worker])
    except (EOFError, ConnectionError):
        for pid in running.values():
            os.kill(pid, signal.SIGKILL)
        for pid in running.values():
            os.waitpid(pid, 0)
        # no clean-up of the interpreter is needed
        os._exit(0)


def received(connection: Connection) -> Any:  # noqa: ANN401 - any message
    """Return the next message.

    Raises
    ------
    EOFError
        If the other process is gone, also in the middle of a message.
    """
    try:
        return connection.recv()
    except OSError:
        raise EOFError from None


def _fork(said: Fork, control: Connection, lines: list[Connection]) -> list[int]:
    """Fork the workers and close their connections in this process; return their process ids."""
    # Frozen objects stay in shared memory: a garbage collection would write into every page. A collection before the
    # freeze would visit all objects and free few.
    gc.freeze()
    gc.enable()
    sys.stdout.flush()
    sys.stderr.flush()
    pids = []
    for number in range(said.workers):
        pid = system.fork()
        if not pid:
            control.close()
            for other in lines[number + 1 :]:
                other.close()
            _work(lines[number], said)
        pids.append(pid)
        lines[number].close()
    for unused in lines[said.workers :]:
        unused.close()
    return pids


def _work(line: Connection, said: Fork) -> NoReturn:
    """Measure blocks in a process just forked, until the parent closes its end of the connection."""
    from dj_assets.measure.work import measure_block
    from dj_assets.media.forked import fork_ahead
    from dj_assets.recipe.custom_operators import import_operators

    code = 1
    try:
        import_operators(said.modules)
        task = pickle.loads(said.task)  # noqa: S301 - written by our own parent
        if task.plan.media:
            fork_ahead()
        while True:
            file, block = received(line)
            try:
                line.send(measure_block(task, file, block))
            except Exception as error:  # noqa: BLE001 - raised again in the parent
                error.add_note(f"in a worker process:\n{traceback.format_exc()}")
                line.send(error)
    except (EOFError, ConnectionError):
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not go on as the server
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
