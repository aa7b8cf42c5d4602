"""Materializations and backfills of Dagster that are killed, for `make hostile`: its name keeps it out of the suite."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.documents import documents, write_jsonl
from tests.hostile import kills
from tests.paths import ROOT

RECIPE = """
asset:
  subset: {name}
  group: mine
  source: {{paths: data/*}}{shards}
process:
  - fix_unicode_mapper:
  - character_repetition_filter: {{max_ratio: 0.5}}
  - text_length_filter: {{min_len: 20}}
  - document_simhash_deduplicator: {{window_size: 3}}
"""
COMMANDS = {
    "materialization": [
        "-m",
        "dagster",
        "asset",
        "materialize",
        "-m",
        "dj_assets.definitions",
        "--select",
        "*mine/news",
    ],
    "backfill": ["-m", "dj_assets.cli", "backfill", "shards"],
}
SUBSETS = {"materialization": "news", "backfill": "shards"}


def make_project(root: Path) -> None:
    (root / "dagster_home").mkdir(parents=True)
    shutil.copy(ROOT / "dagster_home/dagster.yaml", root / "dagster_home")
    (root / "recipes/mine").mkdir(parents=True)
    for name, shards in (("news", ""), ("shards", "\n  shards: {files: 1}")):
        (root / f"recipes/mine/{name}.yaml").write_text(RECIPE.format(name=name, shards=shards))
    for number in range(3):
        write_jsonl(root / f"data/{number}.jsonl", documents(300, seed=number))


def start(root: Path, command: str) -> subprocess.Popen[str]:
    own = {"DJ_PROJECT": root, "DJ_HOME": root / "home", "DAGSTER_HOME": root / "dagster_home", "DJ_RECIPES": ""}
    with (root / "log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, *COMMANDS[command]],
            cwd=root,
            env=os.environ | {name: str(value) for name, value in own.items()} | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )


def refined(root: Path, command: str) -> dict[str, Any]:
    folder = root / "home" / SUBSETS[command] / "refined"
    return {part.name: pq.read_table(part).to_pylist() for part in sorted(folder.iterdir())}


@pytest.fixture(scope="module", params=COMMANDS)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("undisturbed") / request.param
    make_project(root)
    began = time.monotonic()
    assert start(root, request.param).wait(600) == 0, (root / "log").read_text()[-3000:]
    return request.param, time.monotonic() - began, refined(root, request.param)


@pytest.mark.parametrize("way", kills.WAYS)
def test_the_next_run_gives_the_same_result(undisturbed: Any, tmp_path: Path, way: str) -> None:
    command, seconds, expected = undisturbed
    root = tmp_path / "project"
    make_project(root)
    after_s = random.Random(f"{command} {way}").uniform(0.2, 0.95) * seconds
    assert kills.attacked(start(root, command), way, after_s) is None
    assert start(root, command).wait(600) == 0, (root / "log").read_text()[-3000:]
    assert refined(root, command) == expected
    left = [path for path in (root / "home").rglob("*") if path.name.endswith(".tmp") or path.name == ".staging"]
    assert left == []
