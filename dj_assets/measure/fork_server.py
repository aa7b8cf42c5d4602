"""The process that workers are forked from: it loads once what all of them need, and has a single thread."""

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
from typing import NoReturn


@dataclass(frozen=True)
class Warm:
    """Load what a pickled `measure.work.Task` needs; all of its operators are of this project."""

    task: bytes


@dataclass(frozen=True)
class Fork:
    """Fork so many workers for a pickled task, which may name operators of the user's modules."""

    workers: int
    modules: tuple[Path, ...]
    task: bytes


@dataclass(frozen=True)
class Ended:
    """Tell the exit code of a worker that is ending, as `os.waitstatus_to_exitcode` gives it."""

    worker: int


def main(control: int, ends: Sequence[int]) -> None:
    """Do what is said over the descriptor `control` until its other end is closed, then end all workers.

    `ends` are the descriptors over which the workers talk, one each.
    """
    # the parent hears of Ctrl-C, too, and ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # nothing that is imported is garbage
    gc.disable()
    from dj_assets.measure import warming

    warming.load_libraries()
    connection, lines = Connection(control), [Connection(end) for end in ends]
    running: dict[int, int] = {}
    codes: dict[int, int] = {}
    try:
        while True:
            said = connection.recv()
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
        # nothing here needs the interpreter to take itself apart
        os._exit(0)


def _fork(said: Fork, control: Connection, lines: list[Connection]) -> list[int]:
    """Fork the workers and let go of their lines; return their process ids."""
    # what is frozen stays shared: a collection would write into every page, one now would look at all for little
    gc.freeze()
    gc.enable()
    sys.stdout.flush()
    sys.stderr.flush()
    pids = []
    for number in range(said.workers):
        pid = os.fork()
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
    """Measure blocks until the parent closes its end of the line, in a process just forked."""
    from dj_assets.measure.work import measure_block
    from dj_assets.media.forked import fork_ahead
    from dj_assets.recipe.load import import_operators

    code = 1
    try:
        import_operators(said.modules)
        task = pickle.loads(said.task)  # noqa: S301 - written by our own parent
        if task.plan.media:
            fork_ahead()
        while True:
            file, block = line.recv()
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
