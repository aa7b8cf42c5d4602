"""The process that decodes: it opens files and computes their features, and any file may crash it."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from dj_assets import system
from dj_assets.errors import DjError
from dj_assets.media.channel import Channel
from dj_assets.media.clip import OpenClip
from dj_assets.media.confinement import confine
from dj_assets.media.containers import OPEN_OPTIONS
from dj_assets.media.feature import ClipFeature, MediaFeature, SoundFeature
from dj_assets.media.handed import Handed
from dj_assets.media.image import OpenImage
from dj_assets.media.journal import Journal
from dj_assets.media.request import READY, Answer, Failed, Limits
from dj_assets.media.sound import OpenSound


@dataclass
class Answers:
    """Send the outcomes of a file at its end; until then, the journal has them."""

    channel: Channel
    journal: Journal
    outcomes: list[bytes] = field(default_factory=list)
    sent: int = 0

    def add(self, outcome: object, seconds: float) -> None:
        """Note an outcome; send all so far if the journal has no room for it."""
        self.outcomes.append(pickle.dumps((outcome, seconds), protocol=5))
        if not self.journal.add(self.outcomes[-1]):
            self.send(whole=False)

    def send(self, *, whole: bool = True) -> None:
        """Send the outcomes that are not sent yet."""
        self.channel.send(Answer(self.outcomes, whole))
        self.sent += len(self.outcomes)
        self.outcomes = []
        self.journal.clear(self.sent)


def answer(
    content: Handed, features: Sequence[MediaFeature[object]], tell: Callable[[object, float], None], limits: Limits
) -> None:
    """Compute every feature of a file; tell the outcome and CPU time of each as soon as they are known."""
    with OpenImage(content) as image, OpenClip(content) as clip, OpenSound(content) as sound:
        clip.announced = lambda: _wanted(clip, features)
        for feature in features:
            alive = _alarm(limits)
            clip.alive = sound.alive = alive
            started = time.process_time()
            if isinstance(feature, ClipFeature):
                work = partial(feature, clip)
            elif isinstance(feature, SoundFeature):
                work = partial(feature, sound)
            else:
                work = partial(feature, image)
            outcome = _limited(work, limits, alive)
            tell(outcome, time.process_time() - started)


def _wanted(clip: OpenClip, features: Sequence[MediaFeature[object]]) -> Iterator[int]:
    """Yield the frames that the features announce; skip a feature that fails here: it will fail again when computed."""
    for feature in features:
        if isinstance(feature, ClipFeature):
            try:
                frames = feature.frames(clip)
            except Exception:  # noqa: BLE001, S112 - any decoder, any damage
                continue
            yield from frames


def _alarm(limits: Limits) -> Callable[[], None]:
    """Return a function that restarts the time limit of a feature, within the total time of the feature."""
    end = time.monotonic() + limits.seconds * limits.signs_of_life

    def alive() -> None:
        """Let the kernel end this process if it shows no sign of life for long enough."""
        signal.setitimer(signal.ITIMER_REAL, max(0.001, min(limits.seconds, end - time.monotonic())))

    return alive


def _limited(work: Callable[[], object], limits: Limits, alive: Callable[[], None]) -> object:
    """Do some work with the alarm set; return its result, or `Failed`."""
    alive()
    try:
        return work()
    except MemoryError:
        return Failed(f"needs more than {limits.memory_bytes // 1_000_000} MB of memory")
    except DjError as error:
        return Failed(str(error))
    except Exception as error:  # noqa: BLE001 - any decoder, any damage
        return Failed(f"{type(error).__name__}: {error}".splitlines()[0][:300])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(*, forked: bool = False) -> None:
    """Answer requests that arrive over the socket at standard input, until the parent closes it.

    The limit of a `forked` process is added to the address space that it has from its parent.
    """
    # a library that reads standard input or writes to standard output must not mix with the messages
    channel = Channel(socket.socket(fileno=os.dup(0)))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    features: Sequence[MediaFeature[object]] = ()
    with suppress(EOFError):
        with _telling(channel):
            limits, journal = _prepared(channel, forked=forked)
        while True:
            with _telling(channel):
                work, descriptors = channel.receive()
            journal.begin()
            features = features if work.features is None else work.features
            _serve(Answers(channel, journal), limits, work.content, descriptors, features)


@contextmanager
def _telling(channel: Channel) -> Iterator[None]:
    """Send the reason if this process fails outside of a feature: its standard error goes nowhere."""
    try:
        yield
    except EOFError:
        raise
    except Exception as error:
        channel.send(Failed(f"{type(error).__name__}: {error}"))
        raise


def _prepared(channel: Channel, *, forked: bool) -> tuple[Limits, Journal]:
    """Do the first work and confine this process; return the limits of each feature, and the journal."""
    start, (shared, *descriptors) = channel.receive()
    journal = Journal.at(shared)
    os.close(shared)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    start.prepare()
    # OpenCV takes options of FFmpeg from this variable only
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(f"{key};{value}" for key, value in OPEN_OPTIONS.items())
    if start.limits.sandbox != "off":
        confine(descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    system.limit_address_space(start.limits.memory_bytes + (system.address_space_bytes() if forked else 0))
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    channel.send(READY)
    return start.limits, journal


def _serve(
    answers: Answers,
    limits: Limits,
    content: Handed,
    descriptors: Sequence[int],
    features: Sequence[MediaFeature[object]],
) -> None:
    if descriptors:
        # the number of the descriptor in this process
        content = replace(content, descriptor=descriptors[0])
    try:
        answer(content, features, answers.add, limits)
        answers.send()
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
