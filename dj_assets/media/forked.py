"""Fork a process that decodes from one that has loaded the libraries of features, before that starts threads."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from subprocess import TimeoutExpired
from typing import NoReturn

from dj_assets import system
from dj_assets.media.channel import Channel

_POLL_S = 0.01
_MOST_DESCRIPTORS = 4096


@dataclass(frozen=True)
class Forked:
    """Hold a forked process and the channel to it, with the interface of `subprocess.Popen`."""

    pid: int
    channel: Channel

    def kill(self) -> None:
        """Kill the process."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code of the process, negative for a signal, once it has ended.

        Raises
        ------
        TimeoutExpired
            If it has not ended after `timeout` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, 0 if end is None else os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if end is not None and time.monotonic() > end:
                raise TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(_POLL_S)


_ahead: list[Forked] = []


def fork_ahead() -> None:
    """Fork a process that decodes, for the next reader of this process. This process must have one thread."""
    ours, theirs = Channel.pair()
    pid = system.fork()
    if not pid:
        _decode(theirs)
    theirs.close()
    _ahead.append(Forked(pid, ours))


def take_forked() -> Forked | None:
    """Return the process that was forked ahead, once; None otherwise."""
    return _ahead.pop() if _ahead else None


def _decode(requests: Channel) -> NoReturn:
    """Serve as the process that decodes, with all files of the parent closed: its waiting end must see the exit."""
    from dj_assets.media.child import main

    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number, descriptor in enumerate((requests.socket.fileno(), nowhere, nowhere)):
            os.dup2(descriptor, number)
        os.closerange(3, _MOST_DESCRIPTORS)
        main(forked=True)
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not continue as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
