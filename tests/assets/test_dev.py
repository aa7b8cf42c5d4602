from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request

import pytest

from dj_assets.assets.dev import refuse_taken, start_dev
from dj_assets.errors import UserError
from tests.browser.server import free_port

# Stands in for Dagster where only the handing on of port, home and signals is looked at.
STUB = """#!{python}
import os, signal, sys, time
def stop(number, frame):
    print("stopped by", signal.Signals(number).name, flush=True)
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
print(os.environ["DAGSTER_HOME"], os.environ["DJ_EXPLORE"], *sys.argv[1:], flush=True)
while True:
    time.sleep(0.05)
"""
START = "import sys; from dj_assets.assets import dev; sys.executable = {stub!r}; sys.exit(dev.start_dev(port={port}))"


def test_a_taken_port_is_refused_before_anything_starts(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is taken.*--port"):
            start_dev(port=port)
        with pytest.raises(UserError):
            refuse_taken("0.0.0.0", port)
    refuse_taken("127.0.0.1", port)


def test_without_a_dagster_yaml_it_says_what_is_missing(project):
    (project.root / "dagster_home/dagster.yaml").unlink()
    with pytest.raises(UserError, match=r"has no dagster\.yaml"):
        start_dev(port=free_port())


def test_a_home_that_is_set_must_be_a_folder(project, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "relative")
    with pytest.raises(UserError, match="DAGSTER_HOME: relative is not the absolute path of a folder"):
        start_dev(port=free_port())


@pytest.mark.parametrize(("sent", "home"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_home_port_and_signals_reach_the_server(project, sent, home):
    stub = project.root / "python"
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-c", START.format(stub=str(stub), port=port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | ({"DAGSTER_HOME": str(project.root)} if home else {}),
        start_new_session=True,
    )
    first = child.stdout.readline().split()
    with urllib.request.urlopen(first.pop(1), timeout=30) as page:
        assert b" subsets have a finished run" in page.read()
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    if not home:
        # the daemons of both would start the same runs
        with pytest.raises(UserError, match="dagster_home: another 'dj-assets dev' is at work there; stop it first"):
            start_dev(port=free_port())
    child.send_signal(sent)
    out, err = child.communicate(timeout=30)
    # a home that is set is used, else that of the project
    assert first[0] == str(project.root if home else project.root / "dagster_home")
    assert first[1:4] == ["-m", "dagster", "dev"]
    assert first[-1] == str(port)
    assert out == "stopped by SIGINT\n"
    assert re.search(
        rf"^Dagster UI: http://127.0.0.1:{port}   Explore: http://127.0.0.1:\d+/[\w-]+/   \(Ctrl-C", err, re.M
    )
    assert child.returncode == 0
