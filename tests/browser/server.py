"""A real `dj-assets dev` over a project of its own, and its GraphQL."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.paths import ROOT

# What makes the daemon look every second, see there.
IMPATIENT = ROOT / "tests/e2e/impatient"
START_S, RUN_S, STOP_S = 180, 180, 60
_RUNS = "{runsOrError(limit: 1) {... on Runs {results {runId status}}}}"
_ALL_RUNS = """{runsOrError(limit: 100) {... on Runs {results {
    runId status startTime endTime assetSelection {path} tags {key value}}}}}"""
_LOG = "query ($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {... on MessageEvent {message}}}}}"
_LOCATION = {"repositoryLocationName": "dj_assets", "repositoryName": "__repository__"}
_START_SENSOR = "mutation ($selector: SensorSelector!) {startSensor(sensorSelector: $selector) {__typename}}"
_START_SCHEDULE = "mutation ($selector: ScheduleSelector!) {startSchedule(scheduleSelector: $selector) {__typename}}"
_STOP_SCHEDULE = "mutation ($id: String!) {stopRunningSchedule(id: $id) {__typename}}"
_SCHEDULE = """query ($selector: ScheduleSelector!) {
    scheduleOrError(scheduleSelector: $selector) {... on Schedule {scheduleState {id}}}}"""
_LAUNCH = """mutation ($parameters: ExecutionParams!) {launchPipelineExecution(executionParams: $parameters) {
    __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
_NODES = "{assetNodes {assetKey {path} staleStatus}}"


@dataclass
class Server:
    """Where it listens, and what it says. `to_be_killed` is set by a test that ends it otherwise than by Ctrl-C."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    to_be_killed: bool = False

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return the data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
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
        answer = self.ask(_START_SENSOR, selector={**_LOCATION, "sensorName": name})
        assert answer["startSensor"]["__typename"] == "Sensor", answer

    def start_schedule(self, name: str) -> None:
        """Switch a schedule on, as its switch in the UI does."""
        answer = self.ask(_START_SCHEDULE, selector={**_LOCATION, "scheduleName": name})
        assert answer["startSchedule"]["__typename"] == "ScheduleStateResult", answer

    def stop_schedule(self, name: str) -> None:
        """Switch a schedule off again."""
        schedule = self.ask(_SCHEDULE, selector={**_LOCATION, "scheduleName": name})["scheduleOrError"]
        answer = self.ask(_STOP_SCHEDULE, id=schedule["scheduleState"]["id"])
        assert answer["stopRunningSchedule"]["__typename"] == "ScheduleStateResult", answer

    def materialize(self, *path: str) -> str:
        """Launch a run of one asset, as a click on Materialize does; return its id."""
        selector = {**_LOCATION, "pipelineName": "__ASSET_JOB", "assetSelection": [{"path": path}]}
        parameters = {"selector": selector, "runConfigData": "{}", "executionMetadata": {"tags": []}, "mode": "default"}
        answer = self.ask(_LAUNCH, parameters=parameters)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, newest first, their tags as a dictionary and the names of their assets."""
        found: list[dict[str, Any]] = self.ask(_ALL_RUNS)["runsOrError"]["results"]
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
            run["assets"] = [key["path"][-1] for key in run["assetSelection"] or []]
        return found

    def run(self, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return next(run for run in self.runs() if run["runId"] == run_id)

    def pid_of(self, run_id: str) -> int | None:
        """Return the process that executes a run, as its log names it; None before it began."""
        events = self.ask(_LOG, id=run_id)["logsForRun"]["events"]
        found = [re.search(r"^Executing steps in process \(pid: (\d+)\)", event["message"]) for event in events]
        return next((int(one[1]) for one in found if one), None)

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
    """Run `dj-assets dev` over a project."""
    port = free_port()
    environment = os.environ | {"DJ_PROJECT": str(folder), "DJ_HOME": str(folder / "data_home"), "DJ_RECIPES": ""}
    environment |= {"PYTHONPATH": os.pathsep.join([str(IMPATIENT), str(ROOT)])}
    environment |= {"DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "1"} | variables
    command = [sys.executable, "-c", "from dj_assets.cli import main; main()", "dev", "--port", str(port)]
    with serving(command, port, folder, environment) as server:
        yield server


@contextmanager
def serving(command: Sequence[str | Path], port: int, folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a command that serves the UI at a port; stop it as Ctrl-C would, and see that nothing stays behind."""
    log = folder / "dev.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, cwd=folder, start_new_session=True
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", process, log)
            _wait_until_ready(server)
            yield server
        finally:
            _stop(server)


def wait_for(what: Callable[[], object], why: Callable[[], object], pause_s: float = 0.3, seconds: float = 240) -> None:
    """Ask until something is so; `why` says what is, where it does not come in time."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(str(why()))
        time.sleep(pause_s)


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_S
    while not server.is_ready():
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"dj-assets dev did not come up:\n{server.log.read_text()}")
        time.sleep(0.5)


def _stop(server: Server) -> None:
    process = server.process
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
    assert code == 0 or server.to_be_killed
    assert not left, "a stopped server leaves no process behind"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
