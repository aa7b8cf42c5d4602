"""The process that decodes: it opens files and computes their features, and any file may crash it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from dj_assets import system
from dj_assets.errors import DjError
from dj_assets.media.channel import Channel
from dj_assets.media.clip import OpenClip
from dj_assets.media.confinement import confine
from dj_assets.media.containers import OPEN_OPTIONS
from dj_assets.media.feature import ClipFeature, MediaFeature, SoundFeature
from dj_assets.media.image import OpenImage
from dj_assets.media.request import BEGUN, Failed, Limits, Work
from dj_assets.media.sound import OpenSound


def answer(request: Work, tell: Callable[[object], None], limits: Limits) -> None:
    """Compute every feature of a request; send the outcome and CPU time of each as soon as they are known."""
    content = request.content
    with OpenImage(content) as image, OpenClip(content) as clip, OpenSound(content) as sound:
        clip.announced = lambda: _wanted(clip, request.features)
        for feature in request.features:
            alive = _alarm(limits)
            clip.alive = sound.alive = alive
            started = time.process_time()
            if isinstance(feature, ClipFeature):
                work = partial(feature, clip)
            elif isinstance(feature, SoundFeature):
                work = partial(feature, sound)
            else:
                work = partial(feature, image)
            tell((_limited(work, limits, alive), time.process_time() - started))


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
    with suppress(EOFError):
        with _telling(channel):
            limits = _prepared(channel, forked=forked)
        while True:
            with _telling(channel):
                work, descriptors = channel.receive()
            _serve(channel, limits, work, descriptors)


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


def _prepared(channel: Channel, *, forked: bool) -> Limits:
    """Do the first work and confine this process; return the limits of each feature."""
    start, descriptors = channel.receive()
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
    channel.send(BEGUN)
    limits: Limits = start.limits
    return limits


def _serve(channel: Channel, limits: Limits, work: Work, descriptors: Sequence[int]) -> None:
    channel.send(BEGUN)
    if descriptors:
        # the number of the descriptor in this process
        work = replace(work, content=replace(work.content, descriptor=descriptors[0]))
    try:
        answer(work, channel.send, limits)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
