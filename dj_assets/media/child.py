"""The process that decodes: it opens files, looks at them, and may die over any of them."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from dj_assets.errors import DjError
from dj_assets.media.clip import OpenClip
from dj_assets.media.image import OpenImage
from dj_assets.media.look import ClipLook, Look
from dj_assets.media.request import BEGUN, Failed, Limits, Request


def answer(request: Request, tell: Callable[[object], None], limits: Limits) -> None:
    """Do every look of a request; tell the outcome of each, and its CPU time, as soon as they are known."""
    with OpenImage(request.place) as image, OpenClip(request.place) as clip:
        clip.announced = lambda: _wanted(clip, request.looks)
        for look in request.looks:
            alive = _alarm(limits)
            clip.alive = alive
            started = time.process_time()
            seen = _limited(partial(look, clip) if isinstance(look, ClipLook) else partial(look, image), limits, alive)
            tell((seen, time.process_time() - started))


def _wanted(clip: OpenClip, looks: Sequence[Look[Any]]) -> Iterator[int]:
    """Yield the frames that the looks announce; one that fails at that now will fail again when its turn comes."""
    for look in looks:
        if isinstance(look, ClipLook):
            try:
                frames = look.frames(clip)
            except Exception:  # noqa: BLE001, S112 - any decoder, any damage
                continue
            yield from frames


def _alarm(limits: Limits) -> Callable[[], None]:
    """Return what starts the time of a look anew, within the time that it has as a whole."""
    end = time.monotonic() + limits.seconds * limits.signs_of_life

    def alive() -> None:
        """Let the kernel end this process when nothing is heard of it for long enough."""
        signal.setitimer(signal.ITIMER_REAL, max(0.001, min(limits.seconds, end - time.monotonic())))

    return alive


def _limited(work: Callable[[], Any], limits: Limits, alive: Callable[[], None]) -> object:
    """Do some work, the alarm set."""
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
    """Answer pickled requests from standard input on standard output, until the parent closes it.

    A process that is `forked` has the address space of its parent besides what it may take.
    """
    # what libraries print must not get between the answers
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    limits, prepare = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    prepare()
    _confine(limits.memory_bytes + (_address_space() if forked else 0))
    _serve(sys.stdin.buffer, output, limits)


def _serve(requests: IO[bytes], output: IO[bytes], limits: Limits) -> None:
    def tell(outcome: object) -> None:
        """Send one outcome."""
        pickle.dump(outcome, output, protocol=5)
        output.flush()

    tell(BEGUN)
    while True:
        try:
            request = pickle.load(requests)  # noqa: S301 - written by our own parent
        except EOFError:
            return
        tell(BEGUN)
        answer(request, tell, limits)


def _confine(most_bytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int:
    """Return how many bytes of address space this process has; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
