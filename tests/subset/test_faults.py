"""Faults of the disk and damaged files: one clear line each, the old version stays, and what mends it."""

from __future__ import annotations

import datetime
import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import DiskError, UserError
from dj_assets.home import disk
from dj_assets.home.json_files import read_json, write_document
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, run_before, run_ids
from dj_assets.publish.database import reading
from dj_assets.publish.export.export import Export
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sources.sources import SourceFile
from dj_assets.subset.rebuilding import rebuild
from tests.browser.server import wait_for
from tests.documents import documents, write_jsonl
from tests.paths import ROOT
from tests.subset.conftest import RECIPE
from tests.test_subset import contents

OTHER = {"process": [*RECIPE["process"], {"alphanumeric_filter": {"min_ratio": 0.5}}]}


def tables(database: Path) -> dict[str, list]:
    with duckdb.connect(str(database), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        return {name: sorted(map(repr, connection.sql(f'SELECT * FROM "{name}"').fetchall())) for name in names}


def run(sources: list[Path], out: Path, recipe: dict = RECIPE) -> dj_assets.RunResult:
    return dj_assets.run_recipe(recipe, sources, out, workers=1, overwrite=True)


@pytest.mark.parametrize("how", ["deleted", "cut", "emptied"])
def test_a_lost_database_is_told_and_made_anew(out, sources, how):
    database = out / "stats.duckdb"
    before, written = tables(database), (out / ".dj/stats/00000.parquet").stat().st_mtime_ns
    spoil(database, how)
    told = r"stats\.duckdb: is (missing|damaged.*); rebuild it with 'dj-assets rebuild "
    with pytest.raises(UserError, match=told):
        with reading(database) as connection:
            connection.execute("SELECT * FROM stats").fetchall()
    layout = Layout.output(out)
    done = rebuild(layout, newest_run(layout))
    assert done.samples == len(before["stats"])
    assert tables(database) == before
    assert run(sources, out).reused, "what was rebuilt counts as published"
    assert (out / ".dj/stats/00000.parquet").stat().st_mtime_ns == written


def spoil(path: Path, how: str) -> None:
    if how == "deleted":
        path.unlink()
    else:
        os.truncate(path, 0 if how == "emptied" else path.stat().st_size // 2)


@pytest.mark.parametrize("how", ["deleted", "cut"])
def test_the_next_run_mends_a_lost_database_too(out, sources, how):
    before = tables(out / "stats.duckdb")
    spoil(out / "stats.duckdb", how)
    assert not run(sources, out).reused
    after = tables(out / "stats.duckdb")
    del before["runs"], after["runs"]
    assert after == before


@pytest.mark.parametrize("kind", ["stats", "signatures", "cleaned"])
def test_only_the_damaged_shard_is_measured_again(out, sources, kind):
    before = contents(out)
    manifests = {path.name: path.stat().st_mtime_ns for path in (out / ".dj/shards").iterdir()}
    path = out / f".dj/{kind}/00001.parquet"
    spoil(path, "cut")
    if kind != "cleaned":
        layout = Layout.output(out)
        with pytest.raises(UserError, match=rf"{path}: is damaged; run the subset again: only damaged files"):
            rebuild(layout, newest_run(layout))
    run(sources, out)
    again = {p.name for p in (out / ".dj/shards").iterdir() if p.stat().st_mtime_ns != manifests[p.name]}
    assert again == {"00001.json"}
    assert contents(out) == before


def test_a_damaged_refined_file_is_told_and_written_again(out, sources, tmp_path):
    part = out / "refined/part-00001.parquet"
    before = pq.read_table(part)
    spoil(part, "cut")
    with pytest.raises(UserError, match=rf"{part}: is damaged; run the subset again"):
        Export(Layout.output(out), tmp_path / "e", "jsonl").run()
    run(sources, out)
    assert pq.read_table(part).equals(before)


def test_a_database_cannot_be_rebuilt_from_what_another_recipe_measured(out, sources):
    (out / "stats.duckdb").unlink()
    (out / ".dj/shards/00000.json").unlink()
    layout = Layout.output(out)
    with pytest.raises(UserError, match="was measured again since its last run"):
        rebuild(layout, newest_run(layout))


def test_a_run_after_the_clock_went_back_is_the_newest_all_the_same(out, sources):
    (manifest,) = (out / ".dj/runs").glob("*.json")
    # as if the clock had been wrong by years when that run was committed
    ahead = f"20990101T000000.999999Z-{manifest.stem[-8:]}"
    write_document(manifest.with_stem(ahead), read_json(manifest) | {"run_id": ahead})
    manifest.unlink()
    for number in range(3):
        os.utime(sources[number], (0, 4e9 * (number % 2)))
    now = run(sources, out, OTHER)
    layout = Layout.output(out)
    assert newest_run(layout).run_id == now.manifest.run_id == run_ids(layout)[-1]
    assert now.manifest.run_id == f"20990101T000001.000000Z-{now.manifest.result_key[:8]}"
    assert now.manifest.finished.startswith(f"{datetime.datetime.now(datetime.UTC):%Y-%m}"), "what people read is true"
    assert run_before(layout).run_id == ahead
    again = run(sources, out)
    assert newest_run(layout).run_id == again.manifest.run_id != now.manifest.run_id


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[None]:
    """Mount a small file system of its own in memory; the tests of CI may."""
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=False, capture_output=True)
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"CI may mount, but: {mounted.stderr.decode()}")
        pytest.skip("needs to mount a file system")
    try:
        yield
    finally:
        # a caught error keeps the frames that hold files open until it is collected
        gc.collect()
        unmount = ["umount", str(place)]
        wait_for(
            lambda: subprocess.run(unmount, check=False, capture_output=True).returncode == 0,
            lambda: subprocess.run(unmount, check=False, capture_output=True, text=True).stderr,
            seconds=20,
        )


def cli(*arguments: object, **env: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dj_assets.cli", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "200"} | env
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120)


def the_one_line(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_a_full_disk_leaves_the_old_version_and_says_how_much_is_needed(tmp_path, sources, monkeypatch):
    place = tmp_path / "small"
    with small_disk(place, "size=4m"):
        run(sources, place / "out")
        before = contents(place / "out")
        (place / "filler").write_bytes(b"x" * (disk.free_bytes(place) - 100_000))
        monkeypatch.setattr(disk, "_SURELY_NEEDED", 0)  # the estimate would refuse to begin
        with pytest.raises(DiskError, match=r"the disk is full: it takes about [\d.]+ MB in all, 0\.\d MB are free"):
            run(sources, place / "out", OTHER)
        assert contents(place / "out") == before
        assert not (place / "out/.staging").exists()
        (place / "filler").unlink()
        assert run(sources, place / "out", OTHER).samples_in == 600


def test_a_file_system_without_inodes_is_named(tmp_path, sources):
    place = tmp_path / "small"
    with (
        small_disk(place, "size=200m,nr_inodes=15"),
        pytest.raises(DiskError, match="it has almost no inodes left, so it takes no more files, "),
    ):
        run(sources, place / "out")


def test_a_full_disk_while_publishing_leaves_the_old_version(tmp_path, sources, monkeypatch):
    place = tmp_path / "small"
    with small_disk(place, "size=6m"):
        run(sources, place / "out")
        before = contents(place / "out")
        monkeypatch.setattr(disk, "_SURELY_NEEDED", 0)
        stricter = {"process": ["whitespace_normalization_mapper", {"text_length_filter": {"min_len": 200}}]}
        stricter["process"].append(RECIPE["process"][2])
        (place / "filler").write_bytes(b"x" * (disk.free_bytes(place) - 250_000))
        with pytest.raises(DiskError, match="the disk is full"):
            run(sources, place / "out", stricter)
        assert contents(place / "out") == before
        (place / "filler").unlink()
        assert run(sources, place / "out", stricter).samples_in == 600


def test_too_little_room_is_told_before_anything_is_read(tmp_path):
    source = write_jsonl(tmp_path / "large.jsonl", documents(8000, words=400))
    (tmp_path / "r.yaml").write_text("process: [text_length_filter]\n")
    with small_disk(tmp_path / "small", "size=2m"):
        line = the_one_line(
            cli("run", tmp_path / "r.yaml", "--input", source, "--output", tmp_path / "small/out", "--workers", 1)
        )
        assert not (tmp_path / "small/out/.dj/cleaned").exists()
    assert "the disk is full: about " in line
    assert "more are needed" in line
    assert "dj-assets prune" in line


def test_a_read_only_disk_is_one_line(tmp_path, sources):
    place = tmp_path / "fixed"
    (tmp_path / "r.yaml").write_text("process: [text_length_filter]\n")
    with small_disk(place, "size=4m"):
        run(sources, place / "out")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        run_it = ("run", tmp_path / "r.yaml", "--input", sources[0], "--output")
        line = the_one_line(cli(*run_it, place / "new"))
        assert "cannot be written (Read-only file system); make it writable, or name another folder" in line
        layout = Layout.output(place / "out")
        with pytest.raises(DiskError, match="cannot be written"):
            rebuild(layout, newest_run(layout))
        assert cli("funnel", place / "out").returncode == 0, "reading needs no writing"


def test_other_errors_pass(tmp_path):
    with pytest.raises(FileNotFoundError), disk.disk_faults(tmp_path):
        (tmp_path / "none").read_bytes()


@pytest.mark.parametrize("read", [Path.read_bytes, pq.read_table], ids=["Python", "Arrow"])
def test_a_folder_that_is_gone_is_one_line(tmp_path, read):
    gone = tmp_path / "out" / "counted" / "00001.parquet"
    line = (
        f"{tmp_path}/out: cannot be written (.*o such file.*: {gone}); if it was removed during the run, run it again"
    )
    with pytest.raises(DiskError, match=line.replace("(", r"\(", 1).replace("); if", r"\); if")):
        with disk.disk_faults(tmp_path / "out"):
            read(gone)


def test_the_estimate_is_near_what_a_run_takes(out, sources):
    plan = make_plan(load_recipe(RECIPE))
    files = [SourceFile.at(path) for path in sources]
    taken = sum(path.stat().st_size for path in out.rglob("*") if path.is_file() and path.stat().st_nlink == 1)
    assert 0.2 * taken < disk.expected_bytes(plan, files) < 2 * taken
    shutil.rmtree(out)


def test_an_empty_work_folder_is_no_other_run(tmp_path: Path) -> None:
    # a run that is killed, or finds the disk full, at its first byte leaves no more
    (tmp_path / "out/.dj").mkdir(parents=True)
    (tmp_path / "out/.dj/.claim.json.1@elsewhere.tmp").write_text("{")
    source = write_jsonl(tmp_path / "a.jsonl", documents(20))
    assert dj_assets.run_recipe(RECIPE, [source], tmp_path / "out", workers=1).samples_in == 20
    (tmp_path / "other/.dj").mkdir(parents=True)
    (tmp_path / "other/.dj/claim.json").write_text("{}")
    with pytest.raises(UserError, match="in use by another run"):
        dj_assets.run_recipe(RECIPE, [source], tmp_path / "other", workers=1)
