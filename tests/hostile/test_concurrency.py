"""Runs, readers and housekeeping at the same time: one clear line, or the result of an undisturbed run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import UserError
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import Options, Subset, run_recipe
from tests.documents import documents, write_jsonl

RECIPE = """
asset: {{subset: {name}, group: mine, source: {{paths: data/*}}, shards: {{files: 1}}}}
process:
  - whitespace_normalization_mapper:
  - text_length_filter: {{min_len: {least}}}
  - document_simhash_deduplicator: {{window_size: 3}}
"""
FILES = 4
PRUNE = """
from dj_assets.subset.pruning import housekeeping
while True:
    housekeeping(delete=True, keep_runs=1)
    print("pruned", flush=True)
"""


def write_recipe(project: Path, name: str, least: int = 20) -> None:
    path = project / f"recipes/mine/{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RECIPE.format(name=name, least=least))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DJ_RECIPES", raising=False)
    for number in range(FILES):
        write_jsonl(tmp_path / f"data/{number}.jsonl", documents(60, seed=number))
    write_recipe(tmp_path, "news")
    return tmp_path


def refined(name: str, home: Path) -> dict[str, list[dict[str, object]]]:
    """Return the refined samples of a subset, by the file that holds them."""
    return {part.name: pq.read_table(part).to_pylist() for part in sorted((home / name / "refined").iterdir())}


def subset(name: str) -> Subset:
    return Subset.of_asset(find_gallery().recipes[name], Options(workers=1))


def run_patiently(name: str) -> None:
    """Run a subset; where others are at work in its folder, run it again."""
    while True:
        try:
            subset(name).run()
            return
        except UserError as error:
            assert "another run is at work there" in str(error)


@pytest.fixture
def slow_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the moments long in which a folder has files of two runs."""
    replace = Path.replace

    def slow(path: Path, target: Path) -> Path:
        if path.parent.name == ".staging":
            time.sleep(0.03)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", slow)


def by_the_library(out: Path) -> tuple[int, ...] | None:
    """Return the number of kept samples by each table of a run; None if a newer run was published meanwhile."""
    with dj_assets.open(out) as run:
        rows = run.manifest.samples_out, len(run.refined.fetchall()), 300 - len(run.dropped.fetchall())
        return (*rows, run.funnel.fetchall()[-1][4]) if run.is_current() else None


def by_hand(out: Path) -> tuple[int, ...] | None:
    """Return the same of files, as docs/security.md says that they are read."""
    run = json.loads((out / "run.json").read_text())
    rows = [pq.read_table(out / name).num_rows for name in ("refined", "dropped.parquet")]
    with duckdb.connect(str(out / "stats.duckdb"), read_only=True) as database:
        ids = database.execute("SELECT run_id FROM runs").fetchall()
    return (run["samples_out"], rows[0], 300 - rows[1]) if ids == [(run["run_id"],)] else None


@pytest.mark.usefixtures("slow_moves")
def test_readers_never_see_two_versions_while_others_are_published(tmp_path: Path) -> None:
    """All tables are of one version, or the reader learns that they may not be, or one of them cannot be read."""
    source = write_jsonl(tmp_path / "a.jsonl", documents(300))
    out, faults, done = tmp_path / "out", [], threading.Event()
    seen: dict[str, Counter[tuple[int, ...] | None]] = {"by_the_library": Counter(), "by_hand": Counter()}

    def publish(least: int) -> int:
        recipe = {"process": [{"text_length_filter": {"min_len": least}}]}
        return run_recipe(recipe, [source], out, workers=1, overwrite=True).samples_out

    def look(read: Callable[[Path], tuple[int, ...] | None]) -> None:
        while not done.is_set():
            try:
                seen[read.__name__][read(out)] += 1
            except (duckdb.Error, OSError):
                # a file was replaced between its two opens
                seen[read.__name__][None] += 1
            except Exception as error:
                faults.append(repr(error))

    counts = {publish(20), publish(400)}
    with ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(look, read) for read in (by_the_library, by_hand)]
        try:
            for least in (20, 400) * 2:
                publish(least)
        finally:
            done.set()
        for each in looking:
            each.result()
    assert faults == []
    for found in seen.values():
        whole = [rows for rows in found if rows]
        assert {rows[0] for rows in whole} <= counts and len(whole) > 0
        assert [rows for rows in whole if len(set(rows)) > 1] == []


def test_prune_during_a_run_takes_nothing_from_it(project: Path) -> None:
    subset("news").run()
    undisturbed = refined("news", project / "home")
    write_recipe(project, "news", least=200)
    subset("news").run()
    write_recipe(project, "news")
    pruning = subprocess.Popen([sys.executable, "-c", PRUNE], stdout=subprocess.PIPE, text=True)
    assert pruning.stdout is not None
    try:
        assert pruning.stdout.readline() == "pruned\n"
        for _ in range(3):
            write_jsonl(project / "data/9.jsonl", documents(60, seed=9))
            run_patiently("news")
            (project / "data/9.jsonl").unlink()
            run_patiently("news")
        assert pruning.poll() is None
    finally:
        pruning.kill()
        pruning.communicate()
    assert refined("news", project / "home") == undisturbed


def _edited_threshold(project: Path) -> None:
    write_recipe(project, "news", least=200)


def _edited_mapper(project: Path) -> None:
    path = project / "recipes/mine/news.yaml"
    path.write_text(path.read_text().replace("whitespace_normalization_mapper", "fix_unicode_mapper"))


@pytest.mark.parametrize("edit", [_edited_threshold, _edited_mapper])
def test_a_recipe_that_is_edited_during_a_backfill(project: Path, edit: Callable[[Path], None]) -> None:
    """Shards of the old recipe and of the new one are never joined: the result is that of the new one alone."""
    before = subset("news")
    for shard in before.groups[:2]:
        before.measure(shard=shard.name)
    edit(project)
    after = subset("news")
    for shard in after.groups[2:]:
        after.measure(shard=shard.name)
    after.deduplicate()
    after.run()
    path = project / "recipes/mine/news.yaml"
    path.with_stem("again").write_text(path.read_text().replace("subset: news", "subset: again"))
    subset("again").run()
    assert refined("news", project / "home") == refined("again", project / "home")
