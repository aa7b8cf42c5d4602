"""`dj-assets dev`: the UI over the project's instance, as a child process that ends with us."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dj_assets import settings
from dj_assets.assets.instance import dagster_home
from dj_assets.errors import UserError
from dj_assets.report.what_if.gallery import GalleryServer

DEFAULT_PORT = 3000
# The pages of sliders listen so many ports behind the UI, or at any free one where that is taken.
WHAT_IF_BEHIND = 10


def start_dev(port: int | None = None, host: str = "127.0.0.1") -> int:
    """Run web server, daemon and the pages of sliders until they are stopped; return the exit code.

    Raises
    ------
    UserError
        If the port is taken. Two servers on one port would both start, and answer by turns.
    """
    port = DEFAULT_PORT if port is None else port
    refuse_taken(host, port)
    environment = {**os.environ, "DAGSTER_HOME": str(dagster_home())}
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(settings.project_root() / "workspace.yaml")]
    with _passing_signals_on() as children, _what_if(port + WHAT_IF_BEHIND) as what_if:
        # A session of its own: a Ctrl-C of the terminal reaches the child once, through us, and not twice.
        child = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--host", host, "--port", str(port)],
            env=environment | {settings.WHAT_IF: what_if},
            start_new_session=True,
        )
        children.append(child)
        sys.stderr.write(f"Dagster UI: http://{host}:{port}   What if: {what_if}   (Ctrl-C stops both)\n")
        return _exit_code(child.wait())


def refuse_taken(host: str, port: int) -> None:
    """Raise where something listens already.

    Raises
    ------
    UserError
        Naming the port and how to choose another.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        taken = probe.connect_ex((host if host != "0.0.0.0" else "127.0.0.1", port)) == 0  # noqa: S104 - compared only
    if taken:
        raise UserError(f"port {port} is taken; stop what listens there or choose another with --port")


@contextmanager
def _what_if(port: int) -> Iterator[str]:
    """Serve the pages of sliders from a thread of this process; yield their address, which is this machine's alone."""
    try:
        server = GalleryServer(port)
    except (UserError, OverflowError):
        server = GalleryServer(0)
    with server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server.url
        server.shutdown()
        serving.join()


@contextmanager
def _passing_signals_on() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Hand SIGINT and SIGTERM on to the children in the list, so that the server takes its own children down."""
    children: list[subprocess.Popen[bytes]] = []

    def hand_on(_number: int, _frame: FrameType | None) -> None:
        # Dagster shuts down on SIGINT; on SIGTERM it would leave its servers behind.
        for child in children:
            child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield children
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_code(returned: int) -> int:
    """Return 0 for a server that was stopped by a signal: that is how it ends."""
    return 0 if returned in (0, -signal.SIGINT, -signal.SIGTERM) else returned
