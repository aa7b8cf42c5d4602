"""The real daemon over a sharded subset: files arrive, sensor and conditions bring them in, the pool holds."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from dj_assets.assets.backfill import backfill
from dj_assets.storage.layout import Layout
from dj_assets.storage.manifest import newest_run
from dj_assets.subset import run_recipe
from tests.assets.conftest import GOOD
from tests.browser.server import Server, make_project, running

pytestmark = pytest.mark.xdist_group("browser")

# the perplexity puts it into the pool of large models
RECIPE = """
asset:
  subset: notes
  group: mine
  source: {paths: "data/notes/*"}
  shards: {files: 1}
process:
  - whitespace_normalization_mapper:
  - text_length_filter: {min_len: 12}
  - perplexity_filter: {lang: en, max_ppl: 1.0e+9}
  - document_simhash_deduplicator: {window_size: 3}
"""
SECONDS = 240
_RUNS = "{runsOrError(limit: 50) {... on Runs {results {status startTime endTime assetSelection {path}}}}}"
_PARTITIONS = """{assetNodes(assetKeys: [{path: ["mine", "notes"]}]) {assetPartitionStatuses {
    ... on DefaultPartitionStatuses {materializedPartitions failedPartitions unmaterializedPartitions}}}}"""


def wait_for(what: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(why)
        time.sleep(1)


def drop(folder: Path, name: str, texts: list[str]) -> None:
    """Put a file into the source at once, as a careful producer does."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{name}.tmp"
    aside.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    aside.rename(folder / f"{name}.jsonl")


def runs(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask(_RUNS)["runsOrError"]["results"]
    return found


def partitions(server: Server) -> tuple[list[str], list[str]]:
    """Return the refined shards that are materialized, and those that failed."""
    statuses = server.ask(_PARTITIONS)["assetNodes"][0]["assetPartitionStatuses"]
    return sorted(statuses["materializedPartitions"]), sorted(statuses["failedPartitions"])


def kept(folder: Path) -> list[str]:
    manifest = newest_run(Layout.home(folder / "data_home/notes"))
    parts = [folder / "data_home/notes/refined" / part["name"] for part in manifest["refined"]]
    return sorted(text for part in parts for text in pq.read_table(part)["text"].to_pylist())


def published(folder: Path) -> int:
    manifest = newest_run(Layout.home(folder / "data_home/notes"))
    return manifest["samples_in"] if manifest else 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_project(tmp_path)
    (tmp_path / "recipes").unlink()
    (tmp_path / "recipes/mine").mkdir(parents=True)
    (tmp_path / "recipes/mine/notes.yaml").write_text(RECIPE)
    for number in range(3):
        drop(tmp_path / "data/notes", f"part-{number}", GOOD[10 * number : 10 * number + 10])
    return tmp_path


def test_files_that_arrive_are_brought_in_by_the_daemon(project, monkeypatch):
    for name, value in (("DJ_PROJECT", project), ("DJ_HOME", project / "data_home"), ("DJ_RECIPES", "")):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("DAGSTER_HOME", "set by the instance")
    backfill("notes")
    assert published(project) == 30
    started = time.time()
    with running(project, DJ_SENSOR_SECONDS="2") as server:
        for sensor in ("notes_arrivals", "follow_new_statistics"):
            server.start_sensor(sensor)
        drop(project / "data/notes", "part-00", [GOOD[5], GOOD[25], *GOOD[30:35]])
        drop(project / "data/notes", "part-4", GOOD[35:])
        wait_for(lambda: published(project) == 42, f"42 samples; {runs(server)}")
        shards = ["part-0", "part-00", "part-1", "part-2", "part-4"]
        wait_for(lambda: partitions(server) == (shards, []), f"all shards materialized; {runs(server)}")
        ended = [run for run in runs(server) if (run["startTime"] or 0) > started]
    whole = run_recipe({"process": yaml.safe_load(RECIPE)["process"]}, [project / "data/notes"], project / "whole")
    assert kept(project) == sorted(text for part in whole.refined for text in pq.read_table(part)["text"].to_pylist())
    measuring = [
        run for run in ended if [key["path"] for key in run["assetSelection"] or []] == [["mine", "notes_stats"]]
    ]
    spans = sorted((run["startTime"], run["endTime"]) for run in measuring)
    assert len(spans) == 2
    assert all(first[1] <= second[0] + 0.5 for first, second in itertools.pairwise(spans)), "one in the pool at a time"
