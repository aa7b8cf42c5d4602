"""Runs, readers and housekeeping at the same time: one clear line, or the result of an undisturbed run."""

from __future__ import annotations

import subprocess
import sys
import threading
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


def test_readers_never_see_half_a_table_while_others_are_published(tmp_path: Path) -> None:
    """Each table is that of one version, or cannot be read just then. Two tables may be of two versions."""
    source = write_jsonl(tmp_path / "a.jsonl", documents(300))
    out, seen, faults, done = tmp_path / "out", set(), [], threading.Event()

    def publish(least: int) -> int:
        recipe = {"process": [{"text_length_filter": {"min_len": least}}]}
        return run_recipe(recipe, [source], out, workers=1, overwrite=True).samples_out

    def look() -> None:
        while not done.is_set():
            try:
                with dj_assets.open(out) as run:
                    seen.update(
                        (run.manifest.samples_out, len(run.refined.fetchall()), 300 - len(run.dropped.fetchall()))
                    )
            except duckdb.Error:
                # DuckDB opens a refined file twice, and found two files
                continue
            except Exception as error:
                faults.append(repr(error))

    counts = {publish(20), publish(400)}
    with ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(look) for _ in range(2)]
        try:
            for least in (20, 400) * 3:
                publish(least)
        finally:
            done.set()
        for each in looking:
            each.result()
    assert faults == []
    assert seen and seen <= counts


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
