"""OpenLineage events of runs, at a receiver on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest
from openlineage.client import OpenLineageClient

import dj_assets
from dj_assets.errors import UserError
from dj_assets.publish.open_lineage import datasets
from tests.assets.conftest import Project


class Receiver(BaseHTTPRequestHandler):
    events: list[dict]

    def do_POST(self) -> None:
        self.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict]]:
    received: list[dict] = []
    handler = type("Handler", (Receiver,), {"events": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield received
        server.shutdown()
        thread.join()


def test_a_run_reports_its_sources_and_its_output(events: list[dict], tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "A long text."}\n{"text": "One."}\n')
    recipe = {"process": [{"text_length_filter": {"min_len": 10}}]}
    dj_assets.run_recipe(recipe, [source], tmp_path / "out", workers=1)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    assert len({event["run"]["runId"] for event in events}) == 1
    done = events[1]
    assert [(made["namespace"], made["name"]) for made in done["inputs"]] == [("file", str(source))]
    (output,) = done["outputs"]
    assert (output["namespace"], output["name"]) == ("file", str(tmp_path / "out"))
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1
    assert done["job"]["namespace"] == "dj_assets"

    (tmp_path / "broken.parquet").write_text("nothing of the kind")
    with pytest.raises(UserError):
        dj_assets.run_recipe(recipe, [tmp_path / "broken.parquet"], tmp_path / "other", workers=1)
    assert [event["eventType"] for event in events[2:]] == ["START", "FAIL"]
    assert "broken.parquet" in events[3]["run"]["facets"]["errorMessage"]["message"]


def test_an_asset_reports_one_run_over_its_steps(
    events: list[dict], project: Project, instance: dg.DagsterInstance
) -> None:
    assert project.materialize(instance, "mine/notes").success
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("START", "mine/notes"), ("COMPLETE", "mine/notes")
    ]  # fmt: skip
    assert len({event["run"]["runId"] for event in events}) == 1


def test_a_server_that_does_not_answer_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(OpenLineageClient, "emit", lambda *_: 1 / 0)
    (tmp_path / "in.jsonl").write_text('{"text": "One text."}\n')
    recipe = {"process": ["document_deduplicator"]}
    assert dj_assets.run_recipe(recipe, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1).samples_out == 1
    assert caplog.text.count("OpenLineage: the event START of ") == 1
    assert "COMPLETE" not in caplog.text


def test_many_files_are_reported_by_their_folders() -> None:
    assert datasets([f"/data/{n % 2}/{n}.jsonl" for n in range(101)]) == [("file", "/data/0"), ("file", "/data/1")]
