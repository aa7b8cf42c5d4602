"""Materializations and backfills of Dagster that are killed at random moments, then run again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.hostile import kills
from tests.paths import ROOT

RECIPE = """
asset:
  subset: {name}
  group: mine
  source: {{paths: data/*.jsonl}}{shards}
process:
  - fix_unicode_mapper:
  - character_repetition_filter: {{max_ratio: 0.5}}
  - text_length_filter: {{min_len: 20}}
  - document_simhash_deduplicator: {{window_size: 3}}
  - image_shape_filter: {{min_width: 40}}
"""
_MATERIALIZE = ("-m", "dagster", "asset", "materialize", "-m", "dj_assets.definitions", "--select", "*mine/news")
COMMANDS = {"materialization": _MATERIALIZE, "backfill": ("-m", "dj_assets.cli", "backfill", "shards")}
SUBSETS = {"materialization": "news", "backfill": "shards"}
# An undisturbed one takes some seconds; on a busy machine ten times as many.
WAITS_S = 300.0


def make_project(root: Path) -> None:
    """Write a project with a subset of one part, and one of shards."""
    (root / "dagster_home").mkdir(parents=True)
    shutil.copy(ROOT / "dagster_home/dagster.yaml", root / "dagster_home")
    (root / "recipes/mine").mkdir(parents=True)
    for name, shards in (("news", ""), ("shards", "\n  shards: {files: 1}")):
        (root / f"recipes/mine/{name}.yaml").write_text(RECIPE.format(name=name, shards=shards))
    kills.write_source(root / "data", 3, 300, images=True)


def start(root: Path, command: str) -> kills.Started:
    """Start a command of Dagster in a project; what it says goes into the file `log`."""
    own = {"DJ_PROJECT": root, "DJ_HOME": root / "home", "DAGSTER_HOME": root / "dagster_home", "DJ_RECIPES": ""}
    return kills.started([sys.executable, *COMMANDS[command]], root / "log", root, PYTHONPATH=ROOT, **own)


def refined(root: Path, command: str) -> dict[str, Any]:
    """Return the refined samples by file."""
    folder = root / "home" / SUBSETS[command] / "refined"
    return {part.name: pq.read_table(part).to_pylist() for part in sorted(folder.iterdir())}


def outcomes(command: str, folder: Path, number: int, seed: int) -> Iterator[kills.Outcome]:
    """Yield what came of every kill of a command."""

    def started(root: Path) -> kills.Started:
        make_project(root)
        return start(root, command)

    seconds = kills.fastest(started, folder, WAITS_S)
    expected = refined(folder / "undisturbed-0", command)
    for at, (way, after_s) in enumerate(kills.moments(seconds, number, seed)):
        yield _killed(folder / str(at), command, way, after_s, expected)
        shutil.rmtree(folder / str(at))


def _killed(root: Path, command: str, way: str, after_s: float, expected: dict[str, Any]) -> kills.Outcome:
    make_project(root)
    bad = kills.attacked(start(root, command), way, after_s, WAITS_S)
    if bad is not None:
        return bad
    again = start(root, command)
    bad = kills.hung(again, way, after_s, "in the run after it", WAITS_S)
    if bad is not None:
        return bad
    if again.returncode or refined(root, command) != expected:
        return kills.Outcome(way, after_s, "wrong", (root / "log").read_text()[-900:])
    left = [path.name for path in (root / "home").rglob("*") if path.name.endswith(".tmp") or path.name == ".staging"]
    return kills.Outcome(way, after_s, "left" if left else "same", ", ".join(left))
