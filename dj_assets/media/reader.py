"""The guarded reader: a child process opens and decodes; a file that kills it costs one file, never the reader."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from dj_assets import settings
from dj_assets.errors import DjError, MediaError
from dj_assets.media import confinement
from dj_assets.media.answers import UnknownClassError, loaded, outcome_in
from dj_assets.media.channel import Channel
from dj_assets.media.feature import MediaFeature
from dj_assets.media.forked import Forked, take_forked
from dj_assets.media.handed import Handed
from dj_assets.media.journal import Journal
from dj_assets.media.locations import MediaLocation, handed
from dj_assets.media.request import Answer, Failed, Limits, Request, Start, Work
from dj_assets.system import reopens_descriptors

Outcomes = list[object]
T = TypeVar("T")


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
# The process has this many files: it need not wait for the next while this one waits for the GIL.
FILES_AHEAD = 8
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
        self._journal: Journal | None = None
        # of the present process: files that it got, and that it answered; whether it gets one only; what it computes
        self._files = self._answered = 0
        self._alone = False
        self._features: tuple[MediaFeature[object], ...] | None = None
        self._closed = False
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="media")

    def read(self, requests: Sequence[Request]) -> Future[list[Outcomes]]:
        """Start to read requests in order, after all earlier requests.

        The result has one outcome for every feature of every request: the return value of the feature, or `Failed`.
        """
        return self._ahead.submit(self._read, requests)

    def take_seconds(self) -> Counter[MediaFeature[object]]:
        """Return the CPU seconds of the process per feature since the last call, also of requests in progress.

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

    def _read(self, requests: Sequence[Request]) -> list[Outcomes]:
        """Return the outcomes of all requests; the process gets the next files before it has answered the last."""
        answers: list[Outcomes] = [[] for _ in requests]
        waiting = deque(range(len(requests)))
        sent: deque[int] = deque()
        unbegun = 0
        try:
            while waiting or sent:
                try:
                    self._send_ahead(requests, answers, waiting, sent)
                    if sent:
                        self._receive(requests[sent[0]].features, answers[sent[0]])
                        sent.popleft()
                        unbegun = 0
                except _DEAD:
                    unbegun = self._after_death(requests, answers, sent, unbegun)
                    # those behind the one that ended the process are sent to the next
                    waiting.extendleft(reversed(sent))
                    sent.clear()
        except BaseException:
            # its answers would be taken for those of later requests
            self._end()
            raise
        return answers

    def _send_ahead(
        self, requests: Sequence[Request], answers: list[Outcomes], waiting: deque[int], sent: deque[int]
    ) -> None:
        """Send requests while the process has few; answer those whose file is deadly or cannot be opened."""
        while waiting and len(sent) < FILES_AHEAD:
            request = requests[waiting[0]]
            failed = self.deadly.get(request.location)
            if failed is None:
                try:
                    with handed(request.location, self.limits.seconds, self._by_path_from()) as content:
                        if sent and not self._may_follow(content, request.features):
                            return
                        sent.append(waiting.popleft())
                        self._send(content, request.features)
                    continue
                except MediaError as error:
                    failed = Failed(str(error))
                except _DEAD:
                    raise
                except OSError as error:
                    failed = Failed(f"{type(error).__name__}: {error}")
            answers[waiting.popleft()] = [failed] * len(request.features)

    def _by_path_from(self) -> int | None:
        """Return the size from which a file is opened again by its descriptor, None if it never is."""
        if not reopens_descriptors():
            return None
        return COPIED_BYTES if self._confined else 0

    def _may_follow(self, content: Handed, features: tuple[MediaFeature[object], ...]) -> bool:
        """Return whether a file may be sent before the files before it are answered.

        The process does not read while it sends an answer, so what waits for it must fit between both.
        """
        alone = self._alone or self._is_alone(content)
        small = content.content is None and features == self._features
        return small and not alone and self._files < FILES_A_PROCESS

    def _is_alone(self, content: Handed) -> bool:
        return content.by_path and self._confined

    def _send(self, content: Handed, features: tuple[MediaFeature[object], ...]) -> None:
        """Send a file to the process; start it if there is none."""
        for feature in set(features) - self._loaded:
            feature.load()
            self._loaded.add(feature)
        alone = self._is_alone(content)
        if alone or self._files >= FILES_A_PROCESS:
            self._end()
        descriptors = [content.descriptor] if content.content is None else []
        child = self._child or self._start(descriptors if alone else [])
        self._alone = alone
        self._files += 1
        child.channel.send(Work(content, None if features == self._features else features), *descriptors)
        self._features = features

    def _start(self, descriptors: Sequence[int]) -> Child:
        if self._closed:
            raise DjError("the reader of media was closed")
        self._files, self._answered, self._features = 0, 0, None
        self._child = child = take_forked() or _spawned()
        self._journal, shared = Journal.new()
        try:
            child.channel.send(Start(self.limits, self.prepare), shared, *descriptors)
        finally:
            os.close(shared)
        _answer_of(child, str)
        return child

    def _receive(self, features: Sequence[MediaFeature[object]], outcomes: Outcomes) -> None:
        """Receive the outcomes of the first file that is not answered."""
        if self._child is None:
            raise EOFError
        whole = False
        while not whole:
            answer = _answer_of(self._child, Answer)
            self._note(features, outcomes, answer.outcomes)
            whole = answer.whole
        self._answered += 1
        if self._alone:
            self._end()

    def _note(self, features: Sequence[MediaFeature[object]], outcomes: Outcomes, pickled: Sequence[bytes]) -> None:
        for each in pickled:
            feature = features[len(outcomes)]
            outcome: object
            try:
                outcome, seconds = outcome_in(each, (type(feature).__module__,))
            except UnknownClassError as error:
                advice = "return numbers, texts, arrays, or dataclasses of its module"
                outcome, seconds = Failed(f"{type(feature).__name__} returns an object of {error}; {advice}"), 0.0
            except pickle.UnpicklingError as error:
                outcome, seconds = Failed(f"the process that decodes sent {error}"), 0.0
            self._seconds[feature] += seconds
            outcomes.append(outcome)

    def _after_death(self, requests: Sequence[Request], answers: list[Outcomes], sent: deque[int], unbegun: int) -> int:
        """Remove what is settled from `sent`; return how often in a row the process ended before it began with a file.

        Raises
        ------
        DjError
            If it ended so `_STARTS` times.
        """
        with suppress(*_DEAD):
            while sent:
                self._receive(requests[sent[0]].features, answers[sent[0]])
                sent.popleft()
        if not sent or self._journal is None or self._journal.begun == self._answered:
            cause = self._cause_of_death()
            if unbegun + 1 == _STARTS:
                raise DjError(f"the process that reads media does not start: {cause}")
            return unbegun + 1
        index = sent.popleft()
        features, outcomes = requests[index].features, answers[index]
        self._note(features, outcomes, self._journal.outcomes_after(len(outcomes)))
        self.deadly[requests[index].location] = failed = Failed(self._cause_of_death())
        # features after one that crashes are not computed: the sample is lost at that feature
        outcomes += [failed] * (len(features) - len(outcomes))
        return 0

    def _cause_of_death(self) -> str:
        code = self._end()
        if code == -signal.SIGALRM:
            return f"took longer than {self.limits.seconds:g} s"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the decoder crashed ({name})"

    def _end(self) -> int:
        """Kill the process and return its exit code, 0 if there is none."""
        child, self._child = self._child, None
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()
        self._files = 0
        if child is None:
            return 0
        child.channel.close()
        try:
            return child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


def _answer_of(child: Child, kind: type[T]) -> T:
    """Return the next message of a process, of a type; raise what it could not do."""
    answer, descriptors = child.channel.receive(loaded)
    for descriptor in descriptors:
        os.close(descriptor)
    if isinstance(answer, Failed):
        raise DjError(f"the process that reads media does not start: {answer.reason}")
    if not isinstance(answer, kind):
        raise pickle.UnpicklingError(f"no {kind.__name__}")
    return answer


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
