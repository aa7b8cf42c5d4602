"""Several workers over one folder, as docs/deploy lays it out: PostgreSQL, a code server, a daemon, a web server.

Two runs at a time measure the shards of one subset. The daemon is killed meanwhile; a new one carries on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from dj_assets.assets.arrivals import prepare_instance
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.home.run_manifest import FunnelStep
from dj_assets.subset import run_recipe
from tests.browser.server import IMPATIENT, Server, free_port, make_project
from tests.browser.server import wait_for as wait_for_so_long
from tests.documents import documents, write_jsonl
from tests.e2e.postgres import postgres
from tests.paths import ROOT

RECIPE = """
asset:
  subset: notes
  group: mine
  source: {paths: "data/notes/*"}
  shards: {files: 1}
process:
  - fix_unicode_mapper:
  - character_repetition_filter: {max_ratio: 0.5}
  - word_repetition_filter: {rep_len: 5, max_ratio: 0.5}
  - text_length_filter: {min_len: 20}
  - document_simhash_deduplicator: {window_size: 3}
"""
SHARDS = [f"part-{number}" for number in range(4)]
ASSETS = ["notes_stats", "notes_duplicates", "notes"]
wait_for = partial(wait_for_so_long, pause_s=0.2, seconds=180)
_BACKFILL = """mutation ($parameters: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $parameters) {
    __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
_EVENTS = """query ($path: [String!]!) {assetOrError(assetKey: {path: $path}) {... on Asset {
    assetMaterializations {partition runId metadataEntries {label ... on TextMetadataEntry {text}}}}}}"""


@contextmanager
def process(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one part of the layout; stop it, and see that it leaves nothing behind."""
    with (folder / f"{arguments[0]}.log").open("ab") as log:
        started = subprocess.Popen([sys.executable, "-m", *arguments], cwd=folder, stdout=log, stderr=log)
        family = [psutil.Process(started.pid)]
        try:
            yield started
        finally:
            if started.poll() is None:
                family += family[0].children(recursive=True)
                started.send_signal(signal.SIGINT)
            _, left = psutil.wait_procs(family, timeout=60)
            for one in left:
                one.kill()
            started.wait()


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    make_project(tmp_path)
    (tmp_path / "recipes").unlink()
    (tmp_path / "recipes/mine").mkdir(parents=True)
    (tmp_path / "recipes/mine/notes.yaml").write_text(RECIPE)
    for number, shard in enumerate(SHARDS):
        write_jsonl(tmp_path / f"data/notes/{shard}.jsonl", documents(2000, seed=number))
    shutil.copy(ROOT / "docs/deploy/dagster.yaml", tmp_path / "dagster_home")
    variables = {
        "DJ_PROJECT": tmp_path,
        "DJ_HOME": tmp_path / "data_home",
        "DJ_RECIPES": "",
        "DJ_SHARDS_A_RUN": 2,
        "DAGSTER_HOME": tmp_path / "dagster_home",
        "PYTHONPATH": f"{IMPATIENT}{os.pathsep}{ROOT}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


def workspace(project: Path, port: int) -> str:
    """Write the workspace of docs/deploy for a code server that listens here; return its path."""
    layout = yaml.safe_load((ROOT / "docs/deploy/workspace.yaml").read_text())
    layout["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": port}
    path = project / "deployed.yaml"
    path.write_text(yaml.safe_dump(layout))
    return str(path)


def backfill(server: Server) -> None:
    """Ask for all shards of all three assets, as the dialog of the UI does."""
    parameters = {"assetSelection": [{"path": ["mine", name]} for name in ASSETS], "partitionNames": SHARDS}
    answer = server.ask(_BACKFILL, parameters=parameters)["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer


def events(server: Server, asset: str) -> list[dict]:
    found = server.ask(_EVENTS, path=["mine", asset])["assetOrError"]["assetMaterializations"]
    for event in found:
        event["said"] = {entry["label"]: entry.get("text") for entry in event["metadataEntries"]}
    return found


def test_two_workers_refine_one_subset_together_and_survive_the_daemon(project, monkeypatch):
    port, ui = free_port(), free_port()
    daemon = ("dagster._daemon", "run", "-w", workspace(project, port))
    with ExitStack() as stack:
        monkeypatch.setenv("DAGSTER_PG_URL", stack.enter_context(postgres()))
        code = ("dagster", "api", "grpc", "-m", "dj_assets.definitions", "-h", "127.0.0.1", "-p", str(port))
        stack.enter_context(process(project, *code))
        # a daemon that starts before the code server answers forgets the assets of a backfill until it asks again
        started = project / "dagster.log"
        wait_for(lambda: "Started Dagster code server" in started.read_text(), started.read_text)
        first = stack.enter_context(process(project, *daemon))
        web = ("dagster_webserver", "-w", daemon[-1], "-h", "127.0.0.1", "-p", str(ui))
        server = Server(f"http://127.0.0.1:{ui}", stack.enter_context(process(project, *web)), project / "web.log")
        assert prepare_instance() == ["mine/notes: 4 shards to measure, 0 gone"]
        wait_for(server.is_ready, lambda: (project / "dagster.log").read_text()[-3000:])
        backfill(server)

        def measuring() -> list[dict]:
            return [run for run in server.runs() if run["assets"] == ["notes_stats"]]

        wait_for(lambda: [run["status"] for run in measuring()] == ["STARTED"] * 2, server.runs)
        first.kill()
        wait_for(lambda: [run["status"] for run in measuring()] == ["SUCCESS"] * 2, server.runs)
        assert len(server.runs()) == 2, "without a daemon nothing new is launched"
        stack.enter_context(process(project, *daemon))
        wait_for(lambda: len(events(server, "notes")) == 4, server.runs)
        wait_for(lambda: {run["status"] for run in server.runs()} == {"SUCCESS"}, server.runs)

        one, other = measuring()
        assert max(one["startTime"], other["startTime"]) < min(one["endTime"], other["endTime"]), "at the same time"
        shards = {event["partition"]: event for event in events(server, "notes_stats")}
        own = [sorted(name for name in shards if shards[name]["runId"] == run["runId"]) for run in (one, other)]
        assert sorted(own) == [SHARDS[:2], SHARDS[2:]]
        assert len({event["said"]["measured_by"] for event in shards.values()}) == 2, "two processes"
        assert [run["assets"] for run in server.runs()].count(["notes_duplicates"]) == 1
    published = newest_run(Layout.home(project / "data_home/notes"))
    process_list = {"process": yaml.safe_load(RECIPE)["process"]}
    alone = run_recipe(process_list, [project / "data/notes"], project / "alone", workers=1)
    assert counts(published.funnel) == counts(alone.manifest.funnel)
    refined = [project / "data_home/notes/refined" / part.name for part in published.refined]
    assert texts(refined) == texts(alone.refined)


def counts(funnel: Sequence[FunnelStep]) -> list[tuple]:
    """Return what a funnel says, but for the time it took."""
    return [(step.operator, step.samples_in, step.samples_out) for step in funnel]


def texts(files: list[Path]) -> list[str]:
    return [text for file in files for text in pq.read_table(file)["text"].to_pylist()]
