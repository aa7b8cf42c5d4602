"""A real `dj-assets dev` over a project of its own, and its GraphQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.paths import ROOT

START_S, RUN_S, STOP_S = 180, 180, 60
_RUNS = "{runsOrError(limit: 1) {... on Runs {results {runId status}}}}"
_NODES = "{assetNodes {assetKey {path} staleStatus}}"


@dataclass(frozen=True)
class Server:
    """Where it listens, and what it says."""

    url: str

    def ask(self, query: str) -> dict[str, Any]:
        """Return the data of a GraphQL answer."""
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data

    def is_ready(self) -> bool:
        """Whether the definitions are loaded."""
        try:
            return bool(self.ask(_NODES)["assetNodes"])
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def start_sensor(self, name: str) -> None:
        """Switch a sensor on, as its switch in the UI does."""
        selector = f'{{repositoryLocationName: "dj_assets", repositoryName: "__repository__", sensorName: "{name}"}}'
        answer = self.ask(f"mutation {{startSensor(sensorSelector: {selector}) {{__typename}}}}")
        assert answer["startSensor"]["__typename"] == "Sensor", answer

    def finished_run(self) -> str:
        """Wait for the newest run to end; return its status."""
        deadline = time.monotonic() + RUN_S
        while time.monotonic() < deadline:
            runs = self.ask(_RUNS)["runsOrError"]["results"]
            if runs and runs[0]["status"] in {"SUCCESS", "FAILURE", "CANCELED"}:
                return str(runs[0]["status"])
            time.sleep(0.5)
        raise TimeoutError(f"the run has not ended after {RUN_S} s")

    def stale_statuses(self) -> dict[str, str]:
        """Return FRESH, STALE or MISSING of every asset."""
        return {"/".join(node["assetKey"]["path"]): node["staleStatus"] for node in self.ask(_NODES)["assetNodes"]}


def make_project(folder: Path) -> None:
    """Make a project that shares recipes and samples with this one, and nothing that is written."""
    for name in ("recipes", "dj_assets", "workspace.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "dagster_home").mkdir()
    shutil.copy(ROOT / "dagster_home/dagster.yaml", folder / "dagster_home")


@contextmanager
def running(folder: Path, **variables: str) -> Iterator[Server]:
    """Run `dj-assets dev` in a session of its own; stop it as Ctrl-C would, and see that nothing stays behind."""
    port = _free_port()
    environment = os.environ | {"DJ_PROJECT": str(folder), "DJ_HOME": str(folder / "data_home"), "DJ_RECIPES": ""}
    environment |= variables
    command = [sys.executable, "-c", "from dj_assets.cli import main; main()", "dev", "--port", str(port)]
    log = folder / "dev.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, cwd=folder, start_new_session=True
        )
        try:
            server = Server(f"http://127.0.0.1:{port}")
            _wait_for(server, process, log)
            yield server
        finally:
            _stop(process)


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not server.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"dj-assets dev did not come up:\n{log.read_text()}")
        time.sleep(0.5)


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    try:
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    finally:
        _, left = psutil.wait_procs(family, timeout=STOP_S)
        for child in left:
            child.kill()
    assert code == 0
    assert not left, "a stopped server leaves no process behind"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
