"""The command `dj-assets dev`: the UI over the project's instance, as a child process that ends with this one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import filelock

from dj_assets import settings, variables
from dj_assets.assets.instance import dagster_home
from dj_assets.errors import UserError
from dj_assets.explore.server import ExploreServer

DEFAULT_PORT = 3000
# Explore listens at the port of the UI plus this number, or at any free port where that one is taken.
EXPLORE_BEHIND = 10
_ENDED = "Dagster exited, see above; its runs continue. Start 'dj-assets dev' again to see them.\n"


def start_dev(port: int | None = None, host: str = "127.0.0.1") -> int:
    """Run the web server, the daemon and Explore until they are stopped; return the exit code.

    Raises
    ------
    UserError
        If the port is taken: two servers on one port would both start, and would answer alternately. Or if another
        command serves this instance: the daemons of both would start the same runs.
    """
    port = DEFAULT_PORT if port is None else port
    refuse_taken(host, port)
    project = settings.project_root()
    # the project is found from the current folder, which code servers and runs do not share
    home = dagster_home()
    own = {variables.DAGSTER_HOME.name: str(home), variables.PROJECT.name: str(project)}
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(project / "workspace.yaml")]
    with _alone(home), _passing_signals_on() as passed, _explore(port + EXPLORE_BEHIND) as explore:
        # A separate session: a Ctrl-C of the terminal reaches the child once, through this process, and not twice.
        child = subprocess.Popen(  # noqa: S603 - a fixed command
            [*command, "--host", host, "--port", str(port)],
            env={**os.environ, **own, variables.EXPLORE.name: explore},
            start_new_session=True,
        )
        passed.children.append(child)
        sys.stderr.write(f"Dagster UI: http://{host}:{port}   Explore: {explore}   (Ctrl-C stops both)\n")
        returned = child.wait()
        if passed.stopped:
            return 0
        sys.stderr.write(_ENDED)
        return returned if returned > 0 else 1


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Serve the instance of a folder alone."""
    try:
        with filelock.FileLock(home / ".dev.lock", timeout=0):
            yield
    except filelock.Timeout:
        raise UserError(f"{home}: another 'dj-assets dev' is at work there; stop it first") from None


def refuse_taken(host: str, port: int) -> None:
    """Raise an error if another process listens at the port.

    Raises
    ------
    UserError
        If the port is taken; the message names the port and the option for another one.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        taken = probe.connect_ex((host if host != "0.0.0.0" else "127.0.0.1", port)) == 0  # noqa: S104 - compared only
    if taken:
        raise UserError(f"port {port} is taken; stop the process that uses it or choose another with --port")


@contextmanager
def _explore(port: int) -> Iterator[str]:
    """Serve Explore in a thread of this process; yield their address, which is for this machine only."""
    try:
        server = ExploreServer(port)
    except (UserError, OverflowError):
        server = ExploreServer(0)
    with server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server.url
        server.shutdown()
        serving.join()


@dataclass
class _Passed:
    """The processes that receive signals, and whether a signal was passed on."""

    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopped: bool = False


@contextmanager
def _passing_signals_on() -> Iterator[_Passed]:
    """Pass SIGINT and SIGTERM on to the children, so that the server stops its own children."""
    passed = _Passed()

    def hand_on(_number: int, _frame: FrameType | None) -> None:
        passed.stopped = True
        # Dagster shuts down on SIGINT; on SIGTERM it would leave its servers running.
        for child in passed.children:
            child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield passed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
