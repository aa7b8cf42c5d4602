"""A run killed with SIGKILL, at moments that matter, then run again: the same as an undisturbed run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.documents import documents, write_jsonl
from tests.test_subset import contents

RECIPE = """
process:
  - fix_unicode_mapper:
  - clean_links_mapper:
  - extract_tables_from_html_mapper:
  - character_repetition_filter: {max_ratio: 0.5}
  - text_length_filter: {min_len: 20}
  - document_line_deduplicator: {frequency_threshold: 3}
  - document_simhash_deduplicator: {window_size: 3}
  - text_chunk_mapper: {max_len: 60, split_pattern: '\\. '}
  - topk_specified_field_selector: {field_key: __dj__stats__.text_len, top_ratio: 0.9}
  - random_selector: {select_ratio: 0.5}
  - fixed_size_grouper: {group_size: 20}
  - join_text_aggregator:
  - text_length_filter: {min_len: 600}
"""


def first_counted(output: Path) -> bool:
    return any((output / ".dj/counted").glob("*/shards/*.json"))


def first_shard(output: Path) -> bool:
    return any((output / ".dj/shards").glob("*.json"))


def near_pairs(output: Path) -> bool:
    return any((output / ".dj/near_pairs").glob("*"))


def grouping(output: Path) -> bool:
    return (output / ".dj/under_way/groups").exists()


def staging(output: Path) -> bool:
    return (output / ".staging/refined").exists()


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for shard in range(6):
        write_jsonl(folder / f"part-{shard}.jsonl", documents(1500, seed=shard))
    return folder


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory) -> dict:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    start(source, output).wait(timeout=120)
    return contents(output)


def start(source: Path, output: Path) -> subprocess.Popen:
    (source.parent / "recipe.yaml").write_text(RECIPE)
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(source.parent / "recipe.yaml")]
    options = ["--input", str(source), "--output", str(output), "--workers", "2"]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.parametrize("moment", [first_counted, first_shard, near_pairs, grouping, staging])
def test_a_killed_run_goes_on_as_if_nothing_had_been(source, undisturbed, tmp_path, moment: Callable[[Path], bool]):
    output = tmp_path / "out"
    process = start(source, output)
    workers: list[psutil.Process] = []
    while process.poll() is None and not moment(output):
        time.sleep(0.001)
        workers = psutil.Process(process.pid).children(recursive=True) or workers
    assert process.poll() is None, "the moment was missed: " + process.stderr.read().decode()[-500:]
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert not (output / "run.json").exists()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive, "workers leave with their parent"
    measured = {path: path.stat().st_mtime_ns for path in (output / ".dj").glob("**/shards/*.json")}
    assert measured
    again = start(source, output)
    assert again.wait(timeout=120) == 0, again.stderr.read().decode()
    assert contents(output) == undisturbed
    for manifest, written in measured.items():
        assert manifest.stat().st_mtime_ns == written, "a finished shard is not measured again"
    left_over = [path for path in output.rglob("*") if "tmp" in path.name or path.name == ".staging"]
    assert left_over == []
    run = json.loads((output / "run.json").read_text())
    ended = run["dropped"] + run["quarantined"] + run["expanded"] + run["grouped"]
    assert run["samples_in"] + run["created"] == run["samples_out"] + ended
    assert run["samples_in"] == 9000
    assert run["created"] > run["grouped"] > 20 * run["samples_out"] > 0
    assert run["expanded"] > 0
