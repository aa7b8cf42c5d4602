"""A day with the real daemon, web server and browser, on one running instance; the tests follow each other.

Chosen shards are backfilled by clicks. The nightly schedule asks for the others, one of which is broken: its run says
so and is not tried again. Meanwhile a run worker is killed. The broken shard is mended and run alone by a click, files
arrive and are brought in. In the end the web server is killed.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
import signal
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.home.run_manifest import RunManifest
from dj_assets.subset import run_recipe
from tests.assets.conftest import GOOD
from tests.browser.chromium import keep_screenshot, opened_page
from tests.browser.server import Server, make_project, running, wait_for
from tests.documents import documents, write_jsonl

pytestmark = pytest.mark.browser

# the perplexity puts it into the pool of large models
NOTES = """
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
# long enough to be killed in the middle
LETTERS = """
asset: {subset: letters, group: mine, source: {paths: "data/letters/*"}}
process:
  - fix_unicode_mapper:
  - character_repetition_filter: {max_ratio: 0.5}
  - word_repetition_filter: {rep_len: 5, max_ratio: 0.5}
  - text_length_filter: {min_len: 20}
  - document_simhash_deduplicator: {window_size: 3}
"""
CARDS = LETTERS.replace("subset: letters", "subset: cards").replace("rep_len: 5", "rep_len: 6")
NIGHTLY = "missing_shards_nightly"
_PARTITIONS = """query ($path: [String!]!) {assetNodes(assetKeys: [{path: $path}]) {assetPartitionStatuses {
    ... on DefaultPartitionStatuses {materializedPartitions failedPartitions unmaterializedPartitions}}}}"""


def worker_of(server: Server, run_id: str) -> psutil.Process:
    """Wait for the process of a run."""
    wait_for(lambda: server.pid_of(run_id), server.runs, 0.1)
    return psutil.Process(server.pid_of(run_id))


def drop(folder: Path, name: str, texts: list[str]) -> None:
    """Put a file into the source at once, as a careful producer does."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{name}.tmp"
    aside.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    aside.rename(folder / f"{name}.jsonl")


def partitions(server: Server, asset: str) -> tuple[list[str], list[str]]:
    """Return the shards of an asset that are materialized, and those that failed."""
    statuses = server.ask(_PARTITIONS, path=["mine", asset])["assetNodes"][0]["assetPartitionStatuses"]
    return sorted(statuses["materializedPartitions"]), sorted(statuses["failedPartitions"])


def manifest(project: Path, subset: str = "notes") -> RunManifest | None:
    return newest_run(Layout.home(project / "data_home" / subset))


def kept(project: Path, subset: str = "notes") -> list[str]:
    folder = project / "data_home" / subset / "refined"
    parts = [folder / part.name for part in manifest(project, subset).refined]
    return sorted(text for part in parts for text in pq.read_table(part)["text"].to_pylist())


def kept_at_once(recipe: str, project: Path, subset: str) -> list[str]:
    """Return what an undisturbed run over all files keeps."""
    source, out = project / "data" / subset, project / f"{subset}_at_once"
    whole = run_recipe({"process": yaml.safe_load(recipe)["process"]}, [source], out)
    return sorted(text for part in whole.refined for text in pq.read_table(part)["text"].to_pylist())


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("operated")
    make_project(folder)
    (folder / "recipes").unlink()
    (folder / "recipes/mine").mkdir(parents=True)
    for name, recipe in (("notes", NOTES), ("letters", LETTERS), ("cards", CARDS)):
        (folder / f"recipes/mine/{name}.yaml").write_text(recipe)
    for number in range(4):
        drop(folder / "data/notes", f"part-{number}", GOOD[8 * number : 8 * number + 8])
        write_jsonl(folder / f"data/letters/part-{number}.jsonl", documents(1000, seed=number))
    (folder / "data/cards").symlink_to("letters")
    broken = folder / "data/notes/part-3.jsonl"
    broken.with_suffix(".jsonl.gz").write_bytes(gzip.compress(broken.read_bytes())[:-20])
    broken.rename(folder / "part-3.jsonl")
    return folder


@pytest.fixture(scope="module")
def server(project):
    with running(project, DJ_SENSOR_SECONDS="1", DJ_NIGHTLY="* * * * *") as started:
        yield started


@pytest.fixture(scope="module")
def page(server):
    with opened_page(height=1000) as opened:
        yield opened


@pytest.fixture(scope="module")
def chosen(server, page, project) -> None:
    """Backfill two of four shards by clicks, as a person does who opens the lineage of the refined asset."""
    from playwright.sync_api import expect

    lineage = "view=lineage&lineageScope=upstream&lineageDepth=3"
    page.goto(f"{server.url}/assets/mine/notes?{lineage}", wait_until="domcontentloaded")
    button = page.locator("button").filter(has_text=re.compile(r"^Materialize all \(3\)")).first
    expect(button).to_be_enabled()
    button.click()
    page.get_by_text("Select a partition or create one").click()
    for shard in ("part-0", "part-1"):
        page.get_by_text(shard, exact=True).filter(visible=True).first.click()
    page.get_by_text("Launch runs to materialize 3 assets").click()
    expect(page.get_by_text("2 partitions", exact=True)).to_be_visible()
    keep_screenshot(page, "backfill-dialog")
    page.locator("button").filter(has_text="Launch backfill").click()
    expect(page.get_by_text("Created backfill")).to_be_visible()
    wait_for(lambda: partitions(server, "notes")[0] == ["part-0", "part-1"], server.runs)
    wait_for(lambda: manifest(project), server.runs)


@pytest.fixture(scope="module")
def night(server, chosen) -> None:
    """Switch the nightly schedule on; it is due within the minute."""
    server.start_schedule(NIGHTLY)


def test_a_backfill_of_chosen_shards_refines_them_and_no_others(server, project, chosen):
    assert partitions(server, "notes_stats") == (["part-0", "part-1"], [])
    assert partitions(server, "notes") == (["part-0", "part-1"], [])
    assert manifest(project).samples_in == 16
    assert manifest(project).missing_shards == ("part-2", "part-3")
    assert kept(project) == sorted(GOOD[:16])


def test_a_killed_run_worker_is_started_once_more_and_ends_as_if_nothing_had_been(server, project, night):
    launched = server.materialize("mine", "letters")
    worker = worker_of(server, launched)
    measured = project / "data_home/letters/shards"
    wait_for(lambda: any(measured.glob("*.json")), server.runs, 0.002)
    family = worker.children(recursive=True)
    worker.send_signal(signal.SIGKILL)
    _, left = psutil.wait_procs(family, timeout=20)
    assert not left, "workers leave with the run"
    times = {path: path.stat().st_mtime_ns for path in measured.glob("*.json")}
    assert 1 <= len(times) < 4, "killed in the middle"

    def again() -> list[dict[str, Any]]:
        return [run for run in server.runs() if run["tags"].get("dagster/parent_run_id") == launched]

    wait_for(lambda: [run["status"] for run in again()] == ["SUCCESS"], server.runs)
    assert server.run(launched)["status"] == "FAILURE"
    assert again()[0]["tags"]["dagster/retry_number"] == "1"
    assert {path: path.stat().st_mtime_ns for path in times} == times, "finished files are not measured again"
    assert kept(project, "letters") == kept_at_once(LETTERS, project, "letters")


def test_the_night_measures_what_is_missing_and_an_error_of_the_user_is_told_once(server, page, night):
    from playwright.sync_api import expect

    wait_for(lambda: partitions(server, "notes_stats") == (["part-0", "part-1", "part-2"], ["part-3"]), server.runs)
    server.stop_schedule(NIGHTLY)
    wait_for(lambda: all(run["endTime"] for run in server.runs()), server.runs)
    nightly = [run for run in server.runs() if run["tags"].get("dagster/schedule_name") == NIGHTLY]
    asked = {run["tags"]["dagster/partition"]: run for run in nightly}
    assert set(asked) == {"part-2", "part-3"}, "what is measured is not asked for"
    failed = asked["part-3"]
    assert failed["status"] == "FAILURE"
    assert failed["tags"]["dagster/will_retry"] == "false"
    assert not [run for run in server.runs() if run["tags"].get("dagster/parent_run_id") == failed["runId"]]
    page.goto(f"{server.url}/runs/{failed['runId']}", wait_until="domcontentloaded")
    expect(page.get_by_text("the file is incomplete or damaged").first).to_be_visible()
    expect(page.get_by_text(re.compile("RUN_FAILURE")).first).to_be_visible()
    assert page.get_by_text("Stack Trace").count() == 0
    keep_screenshot(page, "failed-run")


def test_a_mended_shard_is_run_alone_by_a_click(server, page, project, night):
    from playwright.sync_api import expect

    earlier = {run["runId"] for run in server.runs()}
    (project / "data/notes/part-3.jsonl.gz").write_bytes(gzip.compress((project / "part-3.jsonl").read_bytes()))
    page.goto(f"{server.url}/assets/mine/notes_stats?view=partitions", wait_until="domcontentloaded")
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    keep_screenshot(page, "failed-shard")
    button = page.locator("button").filter(has_text=re.compile(r"^Materialize")).first
    expect(button).to_be_enabled()
    button.click()
    page.locator("[role=dialog] button").filter(has_text=re.compile(r"^Failed$")).click()
    page.locator("button").filter(has_text="Launch 1 run").click()
    expect(page.get_by_text(re.compile("Launched run"))).to_be_visible()
    wait_for(lambda: partitions(server, "notes_stats")[0][-1] == "part-3", server.runs)
    (run,) = [run for run in server.runs() if run["runId"] not in earlier]
    assert (run["assets"], run["tags"]["dagster/partition"]) == (["notes_stats"], "part-3")


def test_files_that_arrive_are_brought_in_by_the_daemon(server, page, project, night):
    from playwright.sync_api import expect

    earlier = {run["runId"] for run in server.runs()}
    for sensor in ("notes_arrivals", "follow_new_statistics"):
        server.start_sensor(sensor)
    drop(project / "data/notes", "part-00", [GOOD[5], GOOD[20], *GOOD[32:36]])
    drop(project / "data/notes", "part-4", GOOD[36:])
    shards = ["part-0", "part-00", "part-1", "part-2", "part-3", "part-4"]
    wait_for(lambda: manifest(project).samples_in == 42, server.runs)
    wait_for(lambda: partitions(server, "notes") == (shards, []), server.runs)
    assert not manifest(project).missing_shards
    assert kept(project) == kept_at_once(NOTES, project, "notes")
    measuring = [run for run in server.runs() if run["runId"] not in earlier and run["assets"] == ["notes_stats"]]
    assert sorted(run["tags"]["dagster/partition"] for run in measuring) == ["part-00", "part-4"]
    spans = sorted((run["startTime"], run["endTime"]) for run in measuring)
    assert all(first[1] <= second[0] + 0.5 for first, second in itertools.pairwise(spans)), "one in the pool at a time"
    page.goto(f"{server.url}/assets/mine/notes?view=partitions", wait_until="domcontentloaded")
    expect(page.get_by_text("Materialized (6)")).to_be_visible()
    keep_screenshot(page, "arrived")


def test_a_killed_web_server_ends_the_command_but_no_run(server, project):
    worker = worker_of(server, server.materialize("mine", "cards"))
    wait_for(lambda: any((project / "data_home/cards/shards").glob("*.json")), server.runs, 0.002)
    server.to_be_killed = True
    children = psutil.Process(server.process.pid).children(recursive=True)
    (web,) = [child for child in children if "dagster_webserver" in child.cmdline()]
    web.kill()
    assert (worker.is_running(), manifest(project, "cards")) == (True, None), "the run is under way"
    assert server.process.wait(60) == 1
    assert "Dagster exited, see above" in server.log.read_text()
    worker.wait(60)
    assert kept(project, "cards") == kept(project, "letters")
