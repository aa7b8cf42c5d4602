"""The guarded reader: a child process opens and decodes; a file that kills it costs one file, never the reader."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from dj_assets import settings
from dj_assets.errors import DjError, MediaError
from dj_assets.media import confinement
from dj_assets.media.channel import Channel
from dj_assets.media.feature import MediaFeature
from dj_assets.media.forked import Forked, take_forked
from dj_assets.media.handed import Handed
from dj_assets.media.locations import MediaLocation, handed
from dj_assets.media.request import Failed, Limits, Request, Start, Work
from dj_assets.system import reopens_descriptors

Outcomes = list[object]


@dataclass(frozen=True)
class Spawned:
    """Hold a process that was started, and the channel to it."""

    process: subprocess.Popen[bytes]
    channel: Channel

    def kill(self) -> None:
        """Kill the process."""
        self.process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code of the process, as `Popen.wait` does."""
        return self.process.wait(timeout)


Child = Spawned | Forked
# After this number of files, a new process is started. No decoder is known to leak memory. If one leaked on some kind
# of damage, another file could be the one that reaches the limit.
FILES_A_PROCESS = 10_000
# Errors that mean that the process is dead, or was killed in the middle of an answer.
_DEAD = (EOFError, BrokenPipeError, ConnectionResetError, pickle.UnpicklingError)
# The system may kill a process at any moment, for instance when memory is short. A file is at fault only if the process
# ends after it has begun with it; before that, the process is started again this many times.
_STARTS = 3
# A confined process opens no path. Decoders that need a path get a copy in memory; for a larger file, a process is
# started that may open this file.
COPIED_BYTES = 256 * 1024 * 1024


class MediaReader:
    """Compute features of files in a process of its own, ahead of the caller.

    The process is started at the first request and again after every crash; it ends with this one. A file that crashed
    it is not opened again.
    """

    def __init__(self, limits: Limits | None = None, prepare: Callable[[], object] = dict) -> None:
        """Take the limits of a feature, and the first work of the process, such as importing a user's modules."""
        self.limits = limits or Limits(
            settings.media_seconds(), settings.media_memory_bytes(), sandbox=settings.media_sandbox()
        )
        confinement.require(self.limits.sandbox)
        self._confined = confinement.confines_files(self.limits.sandbox)
        self.prepare = prepare
        self.deadly: dict[MediaLocation, Failed] = {}
        self._seconds: Counter[MediaFeature[object]] = Counter()
        self._loaded: set[MediaFeature[object]] = set()
        self._child: Child | None = None
        self._files = 0
        self._closed = False
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="media")

    def read(self, requests: Sequence[Request]) -> Future[list[Outcomes]]:
        """Start to read requests in order, after all earlier requests.

        The result has one outcome for every feature of every request: the return value of the feature, or `Failed`.
        """
        return self._ahead.submit(lambda: [self._read(request) for request in requests])

    def take_seconds(self) -> Counter[MediaFeature[object]]:
        """Return the CPU seconds of the process per feature since the last call; no request may be in progress.

        The time of work that two features share, such as opening a file, counts for the first of them.
        """
        taken, self._seconds = self._seconds, Counter()
        return taken

    def close(self) -> None:
        """Kill the process, even during its work, and wait for its end."""
        self._closed = True
        self._ahead.shutdown(wait=False, cancel_futures=True)
        if self._child is not None:
            self._child.kill()
        self._ahead.shutdown()
        self._end()

    def _read(self, request: Request) -> Outcomes:
        if request.location in self.deadly:
            return [self.deadly[request.location]] * len(request.features)
        with ExitStack() as close:
            try:
                content = close.enter_context(handed(request.location, self.limits.seconds, self._by_path_from()))
            except MediaError as error:
                return [Failed(str(error))] * len(request.features)
            except OSError as error:
                return [Failed(f"{type(error).__name__}: {error}")] * len(request.features)
            return self._ask(request, content)

    def _by_path_from(self) -> int | None:
        """Return the size from which a file is opened again by its descriptor, None if it never is."""
        if not reopens_descriptors():
            return None
        return COPIED_BYTES if self._confined else 0

    def _ask(self, request: Request, content: Handed) -> Outcomes:
        alone = content.by_path and self._confined
        if alone:
            self._end()
        child = self._begin(Work(content, request.features), alone=alone)
        outcomes: Outcomes = []
        try:
            for feature in request.features:
                (outcome, seconds), _ = child.channel.receive()
                outcomes.append(outcome)
                self._seconds[feature] += seconds
        except _DEAD:
            self.deadly[request.location] = failed = Failed(self._cause_of_death())
            # features after one that crashes are not computed: the sample is lost at that feature
            outcomes += [failed] * (len(request.features) - len(outcomes))
        if alone:
            self._end()
        return outcomes

    def _begin(self, work: Work, *, alone: bool) -> Child:
        """Send work to the process; start it if there is none, and again if it ends before it begins with the work."""
        for feature in set(work.features) - self._loaded:
            feature.load()
            self._loaded.add(feature)
        descriptors = [work.content.descriptor] if work.content.content is None else []
        self._files += 1
        if self._files > FILES_A_PROCESS:
            self._end()
        cause = ""
        for _ in range(_STARTS):
            try:
                child = self._child or self._start(descriptors if alone else [])
                child.channel.send(work, *descriptors)
                _expect_begun(child.channel)
            except _DEAD:
                cause = self._cause_of_death()
            else:
                return child
        raise DjError(f"the process that reads media does not start: {cause}")

    def _start(self, descriptors: Sequence[int]) -> Child:
        if self._closed:
            raise DjError("the reader of media was closed")
        self._files = 1
        self._child = child = take_forked() or _spawned()
        child.channel.send(Start(self.limits, self.prepare), *descriptors)
        _expect_begun(child.channel)
        return child

    def _cause_of_death(self) -> str:
        code = self._end()
        if code == -signal.SIGALRM:
            return f"took longer than {self.limits.seconds:g} s"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the decoder crashed ({name})"

    def _end(self) -> int:
        """Kill the process and return its exit code, 0 if there is none."""
        child, self._child = self._child, None
        if child is None:
            return 0
        child.channel.close()
        try:
            return child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


def _expect_begun(channel: Channel) -> None:
    """Wait until the process is ready, or has read a request; raise what it could not do."""
    answer, _ = channel.receive()
    if isinstance(answer, Failed):
        raise DjError(f"the process that reads media does not start: {answer.reason}")


def _spawned() -> Spawned:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ours, theirs = Channel.pair()
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            # -P: a module in the current folder, where data may be, is not imported
            [sys.executable, "-P", "-m", "dj_assets.media.child"],
            stdin=theirs.socket.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **settings.SINGLE_THREAD_ENV, "PYTHONPATH": path},
        )
    finally:
        theirs.close()
    return Spawned(process, ours)
