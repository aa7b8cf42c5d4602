"""The guarded reader: a child process opens and decodes; what kills it costs one file, never the reader."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dj_assets import settings
from dj_assets.errors import DjError
from dj_assets.media.forked import Forked, take_forked
from dj_assets.media.look import Look
from dj_assets.media.places import Place
from dj_assets.media.request import Failed, Limits, Request

Outcomes = list[object]
Child = subprocess.Popen[bytes] | Forked
# After so many files a new process takes over. None of the decoders is known to lose memory, but if one did over some
# kind of damage, the file that meets the cap in the end would be another.
FILES_A_PROCESS = 10_000
# What is seen of a process that is no more, or was ended in the middle of an answer.
_DEAD = (EOFError, BrokenPipeError, pickle.UnpicklingError)


class MediaReader:
    """Looks at files in a process of its own, ahead of whoever asks.

    The process is started at the first request, again after every death, and ends with this one. A file over which it
    died is not opened again.
    """

    def __init__(self, limits: Limits | None = None, prepare: Callable[[], object] = dict) -> None:
        """Take the limits of a look, and what the process does first, such as importing a user's modules."""
        self.limits = limits or Limits(settings.media_seconds(), settings.media_memory_bytes())
        self.prepare = prepare
        self.deadly: dict[Place, Failed] = {}
        self._seconds: Counter[Look[Any]] = Counter()
        self._child: Child | None = None
        self._files = 0
        self._closed = False
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="media")

    def read(self, requests: Sequence[Request]) -> Future[list[Outcomes]]:
        """Begin to read, in order, behind what was asked for before.

        The result has one outcome for every look of every request: what the look returned, or `Failed`.
        """
        return self._ahead.submit(lambda: [self._read(request) for request in requests])

    def take_seconds(self) -> Counter[Look[Any]]:
        """Return the CPU seconds that the process spent on each look since this was asked last; nothing may be read.

        What two looks share, such as opening a file, is the first one's.
        """
        taken, self._seconds = self._seconds, Counter()
        return taken

    def close(self) -> None:
        """End the process, whatever it is at, and wait for it."""
        self._closed = True
        self._ahead.shutdown(wait=False, cancel_futures=True)
        if self._child is not None:
            self._child.kill()
        self._ahead.shutdown()
        self._end()

    def _read(self, request: Request) -> Outcomes:
        if request.place in self.deadly:
            return [self.deadly[request.place]] * len(request.looks)
        child = self._begin(request)
        outcomes: Outcomes = []
        try:
            for look in request.looks:
                outcome, seconds = self._hear(child)
                outcomes.append(outcome)
                self._seconds[look] += seconds
        except _DEAD:
            self.deadly[request.place] = failed = Failed(self._cause_of_death())
            # what comes after a deadly look is not tried: the sample is lost at that look
            outcomes += [failed] * (len(request.looks) - len(outcomes))
        return outcomes

    def _begin(self, request: Request) -> Child:
        """Hand a request to the process, to a new one if the old one has served or died while it closed a file."""
        self._files += 1
        if self._files > FILES_A_PROCESS:
            self._end()
        if self._child is not None:
            try:
                self._tell(self._child, request)
                self._hear(self._child)
            except _DEAD:
                self._end()
            else:
                return self._child
        child = self._start()
        self._tell(child, request)
        self._hear(child)
        return child

    def _start(self) -> Child:
        if self._closed:
            raise DjError("the reader of media was closed")
        self._files = 1
        self._child = child = take_forked() or _started()
        try:
            self._tell(child, (self.limits, self.prepare))
            self._hear(child)
        except _DEAD:
            raise DjError(f"the process that reads media does not start: {self._cause_of_death()}") from None
        return child

    @staticmethod
    def _tell(child: Child, message: object) -> None:
        assert child.stdin is not None, "a pipe"  # noqa: S101
        pickle.dump(message, child.stdin, protocol=5)
        child.stdin.flush()

    @staticmethod
    def _hear(child: Child) -> Any:  # noqa: ANN401
        assert child.stdout is not None, "a pipe"  # noqa: S101
        return pickle.load(child.stdout)  # noqa: S301 - written by our own child

    def _cause_of_death(self) -> str:
        code = self._end()
        if code == -signal.SIGALRM:
            return f"took longer than {self.limits.seconds:g} s"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the decoder crashed ({name})"

    def _end(self) -> int:
        """End the process and return its exit code, 0 where there is none."""
        child, self._child = self._child, None
        if child is None:
            return 0
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        try:
            return child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


def _started() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, "-m", "dj_assets.media.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **settings.SINGLE_THREAD_ENV, "PYTHONPATH": path},
    )
