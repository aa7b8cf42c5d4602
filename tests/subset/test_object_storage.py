"""A subset whose home lies in an object store: the same result as on a disk, whole at every moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from dj_assets.errors import DamagedError, UserError
from dj_assets.home.commit import commit_files
from dj_assets.home.home import output_layout
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, stored_manifest
from dj_assets.publish.fetching import fetch
from dj_assets.recipe.load import load_recipe
from dj_assets.stores import lease
from dj_assets.stores.store import Store
from dj_assets.subset import Options, Subset, run_recipe
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.pruning import housekeeping
from dj_assets.subset.verifying import verify
from tests.documents import documents, write_jsonl
from tests.paths import ROOT
from tests.stores.s3 import KEY, SECRET, upload

PROCESS = [
    {"whitespace_normalization_mapper": None},
    {"text_length_filter": {"min_len": 20}},
    {"document_simhash_deduplicator": {"window_size": 3}},
]
SHARDS = 4


@pytest.fixture(autouse=True)
def _quick_leases(monkeypatch):
    monkeypatch.setattr(lease, "SETTLE_S", 0.05)


@pytest.fixture
def raw(tmp_path) -> Path:
    for shard in range(SHARDS):
        rows = [{"id": f"d{shard}-{n}"} | row for n, row in enumerate(documents(60, seed=shard // 2))]
        write_jsonl(tmp_path / f"raw/part-{shard}.jsonl", rows)
    return tmp_path / "raw"


@contextmanager
def other_machine(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("DJ_CACHE", str(folder))
        yield


def recipe(min_len: int = 20) -> dict:
    return {"process": [PROCESS[0], {"text_length_filter": {"min_len": min_len}}, PROCESS[2]]}


def rows_of(layout: Layout) -> dict[str, list]:
    """Return what people get of a version, the files of a store fetched."""
    folder = layout.published
    if layout.copy is not None:
        folder = layout.published.parent / f"{layout.published.name}-fetched-{time.time_ns()}"
        fetch(layout, newest_run(layout).run_id, folder)
    refined = [row for path in sorted((folder / "refined").iterdir()) for row in pq.read_table(path).to_pylist()]
    with duckdb.connect(str(folder / "stats.duckdb"), read_only=True) as connection:
        tables = {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
            for table in ("stats", "dropped", "duplicates", "quarantine")
        }
    return {"refined": refined, **tables}


def uploaded(log: list[list[str]], kind: str) -> list[str]:
    """Return the objects of a kind that were written to their end, by PUT or by the last request of several."""
    return [
        path for method, path, query in log if f"/{kind}/" in path and method == "PUT" and "partNumber" not in query
    ]


def test_the_result_is_that_of_a_disk_and_is_read_from_any_machine(lake, raw, tmp_path, monkeypatch):
    upload(raw, f"{lake}/raw")
    local = run_recipe(recipe(), [f"{lake}/raw/*.jsonl"], tmp_path / "out", workers=1)
    remote = run_recipe(recipe(), [f"{lake}/raw"], f"{lake}/out", workers=1)
    assert remote.samples_out == local.samples_out > 0
    expected = rows_of(Layout.output(tmp_path / "out"))
    assert rows_of(output_layout(f"{lake}/out")) == expected

    with other_machine(monkeypatch, tmp_path / "cache2"):
        layout = output_layout(f"{lake}/out")
        assert newest_run(layout).run_id == remote.run_id
        assert not layout.database.exists()
        again = run_recipe(recipe(), [f"{lake}/raw"], f"{lake}/out", workers=1)
        assert again.reused and again.run_id == remote.run_id
        assert rows_of(layout) == expected
        assert verify(layout, newest_run(layout)).damaged == ()
        with pytest.raises(UserError, match=f"{lake}/out: is in use by another run"):
            run_recipe(recipe(60), [f"{lake}/raw"], f"{lake}/out", workers=1)


def test_google_and_azure_hold_home_source_and_output_as_a_disk_does(other_lake, raw, tmp_path, monkeypatch):
    upload(raw, f"{other_lake}/raw")
    local = run_recipe(recipe(), [raw], tmp_path / "out", workers=1)
    expected = rows_of(Layout.output(tmp_path / "out"))
    remote = run_recipe(recipe(), [f"{other_lake}/raw/part-*.jsonl"], f"{other_lake}/out", workers=1)
    assert remote.samples_out == local.samples_out > 0
    assert rows_of(output_layout(f"{other_lake}/out")) == expected

    home = Layout.at(f"{other_lake}/home/notes")
    Subset(load_recipe(recipe()), [f"{other_lake}/raw"], home, Options(workers=1)).run()
    with other_machine(monkeypatch, tmp_path / "cache2"):
        there = Layout.at(f"{other_lake}/home/notes")
        there.copy.pull()
        assert rows_of(there)["refined"] == expected["refined"]
        assert Subset(load_recipe(recipe()), [f"{other_lake}/raw"], there, Options(workers=1)).run().reused


def test_a_place_that_holds_something_else_is_refused(lake, raw):
    Store.at(lake).put("out/precious.txt", b"x")
    with pytest.raises(UserError, match="is in use by another run or other files"):
        run_recipe(recipe(), [raw], f"{lake}/out")


def test_a_changed_source_measures_only_what_changed(lake, raw, tmp_path, s3_server):
    upload(raw, f"{lake}/raw")
    run_recipe(recipe(), [f"{lake}/raw"], f"{lake}/out", workers=1)
    before = len(s3_server.log())
    write_jsonl(raw / "part-2.jsonl", documents(50, seed=9))
    Store.at(lake).upload(raw / "part-2.jsonl", "raw/part-2.jsonl")
    run_recipe(recipe(), [f"{lake}/raw"], f"{lake}/out", workers=1)
    read = {path for method, path, _ in s3_server.log()[before:] if method == "GET" and "/raw/part" in path}
    assert {Path(path).name for path in read} == {"part-2.jsonl"}
    run_recipe(recipe(), [raw], tmp_path / "out", workers=1)
    assert len(rows_of(output_layout(f"{lake}/out"))["refined"]) == len(
        rows_of(Layout.output(tmp_path / "out"))["refined"]
    )


def test_shards_measured_and_refined_on_two_machines_are_one_version(lake, raw, tmp_path, monkeypatch):
    block = {"subset": "notes", "group": "mine", "shards": {"files": 1}}
    checked = load_recipe(recipe() | {"asset": block})

    def opened(place: str) -> Subset:
        return Subset(checked, [raw], Layout.at(place), Options(workers=1))

    machines = [tmp_path / f"machine{number}" for number in range(2)]
    for step in ("measure", "refine"):
        for number in range(SHARDS):
            with other_machine(monkeypatch, machines[number % 2]):
                subset = opened(f"{lake}/home/notes")
                name = subset.groups[number].name
                if step == "measure":
                    subset.measure(shard=name)
                else:
                    result = subset.refine_shard(name)
        if step == "measure":
            with other_machine(monkeypatch, machines[0]):
                assert not opened(f"{lake}/home/notes").deduplicate().missing
    assert result.published and not result.waited_for

    local = opened(str(tmp_path / "home"))
    local.run()
    with other_machine(monkeypatch, tmp_path / "machine3"):
        layout = Layout.at(f"{lake}/home/notes")
        layout.copy.pull()
        assert rows_of(layout) == rows_of(Layout.home(tmp_path / "home"))
        keys = Store.at(f"{lake}/home/notes").listing()
    assert not [key for key in keys if key.startswith(("pending/", "locks/shard"))]


def test_a_killed_upload_is_completed_and_nothing_is_measured_again(lake, raw, tmp_path, s3_server):
    upload(raw, f"{lake}/raw")
    (tmp_path / "recipe.json").write_text(json.dumps(recipe()))
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(tmp_path / "recipe.json"), "--workers", "1"]
    command += ["--input", f"{lake}/raw", "--output", f"{lake}/out"]
    s3_server.set(hold="signatures/00002-")
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    store = Store.at(f"{lake}/out")
    held = f"{lake.removeprefix('s3:/')}/out/.dj/signatures/00002-"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(path.startswith(held) for _, path, _ in s3_server.log()):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = store.listing()
    assert {key for key in there if "/shards/" in key} == {".dj/shards/00000.json", ".dj/shards/00001.json"}
    assert "current.json" not in there

    s3_server.set(hold="")
    before = len(s3_server.log())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    log = s3_server.log()[before:]
    read = {Path(path).name for method, path, _ in log if method == "GET" and "/raw/part" in path}
    # the shard whose upload was cut off is pushed, not measured again; those before it are not even pushed
    assert read == {"part-3.jsonl"}
    written = [Path(path).name for path in (*uploaded(log, "stats"), *uploaded(log, "cleaned"))]
    assert not [name for name in written if name.startswith(("00000", "00001"))]
    run_recipe(recipe(), [f"{lake}/raw"], tmp_path / "out", workers=1)
    assert rows_of(output_layout(f"{lake}/out")) == rows_of(Layout.output(tmp_path / "out"))


def test_a_throttled_store_gives_the_same(lake, raw, tmp_path, s3_server):
    upload(raw, f"{lake}/raw")
    s3_server.set(throttle=12, cut=9)
    run_recipe(recipe(), [f"{lake}/raw"], f"{lake}/out", workers=1)
    s3_server.set(throttle=0, cut=0)
    run_recipe(recipe(), [f"{lake}/raw"], tmp_path / "out", workers=1)
    assert rows_of(output_layout(f"{lake}/out")) == rows_of(Layout.output(tmp_path / "out"))


class Watcher(threading.Thread):
    """Lists and reads as somebody who looks at the store all the time, and notes whatever is not whole."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.store, self.done = Store.at(url), threading.Event()
        self.faults: list[str] = []
        self.versions: set[str] = set()
        self.looks = 0

    def run(self) -> None:
        while not self.done.is_set():
            self.look()
            self.looks += 1

    def look(self) -> None:
        for key in self.store.listing():
            if key.startswith((".dj/shards/", ".dj/runs/")) and key.endswith(".json"):
                self.require(key, json.loads(self.store.get(key)).get("objects", {}))
        try:
            pointer = json.loads(self.store.get("current.json"))
        except FileNotFoundError:
            return
        self.versions.add(pointer["run_id"])
        manifest = json.loads(Store.at(pointer["manifest"]).get(""))
        rows = 0
        for url in pointer["refined"]:
            with Store.at(url).opened() as file:
                rows += pq.read_metadata(file).num_rows
        if rows != manifest["samples_out"] or manifest["run_id"] != pointer["run_id"]:
            self.faults.append(f"{pointer['run_id']}: {rows} rows of {manifest['samples_out']}")

    def require(self, key: str, objects: dict) -> None:
        for stored in objects.values():
            facts = self.store.facts(stored["key"])
            if facts is None or facts.size != stored["bytes"]:
                self.faults.append(f"{key}: {stored['key']} is {facts}")


def test_who_looks_meanwhile_never_sees_half(lake, raw, tmp_path):
    watcher = Watcher(f"{lake}/out")
    watcher.start()
    for min_len in (20, 60):
        run_recipe(recipe(min_len), [raw], f"{lake}/out", workers=1, overwrite=True)
    watcher.done.set()
    watcher.join(60)
    watcher.look()
    assert watcher.faults == []
    assert watcher.looks > 2 and len(watcher.versions) >= 1
    assert rows_of(output_layout(f"{lake}/out"))["refined"]


def test_two_runs_at_once_end_in_one_line(lake, raw, tmp_path, monkeypatch):
    run_recipe(recipe(), [raw], f"{lake}/out", workers=1)
    layout = output_layout(f"{lake}/out")
    with whole_subset(layout), other_machine(monkeypatch, tmp_path / "cache2"):
        with pytest.raises(UserError, match=f"{lake}/out: another run is at work there"):
            run_recipe(recipe(60), [raw], f"{lake}/out", workers=1, overwrite=True)


def test_a_version_that_was_damaged_here_or_there_is_mended(lake, raw):
    first = run_recipe(recipe(), [raw], f"{lake}/out", workers=1)
    layout = output_layout(f"{lake}/out")
    stats = layout.measured("stats", 0)
    stats.write_bytes(stats.read_bytes()[:-9] + b"123456789")
    assert verify(layout, newest_run(layout)).damaged == ()  # fetched again

    copy = layout.copy
    copy.store.delete([copy.stored(layout.measured("cleaned", 1)).key, copy.stored(layout.database).key])
    layout.measured("cleaned", 1).unlink()
    layout.database.unlink()
    with pytest.raises(DamagedError, match="is gone from the store; run the subset again"):
        verify(layout, newest_run(layout))
    again = run_recipe(recipe(), [raw], f"{lake}/out", workers=1)
    assert not again.reused and again.samples_out == first.samples_out
    assert verify(layout, newest_run(layout)).damaged == ()


def test_finished_files_can_be_committed_from_any_node(lake, raw, tmp_path, monkeypatch):
    run_recipe(recipe(), [raw], tmp_path / "out", workers=1)
    here = Layout.output(tmp_path / "out")
    with other_machine(monkeypatch, tmp_path / "node"):
        node = Layout.at(f"{lake}/home/notes")
        files = {kind: tmp_path / f"{kind}.parquet" for kind in here.kinds}
        for kind, path in files.items():
            path.write_bytes(here.measured(kind, 0).read_bytes())
        commit_files(stored_manifest(here, 0), node, files)
    with other_machine(monkeypatch, tmp_path / "driver"):
        driver = Layout.at(f"{lake}/home/notes")
        driver.copy.pull()
        assert stored_manifest(driver, 0) == stored_manifest(here, 0)
        for kind in here.kinds:
            assert driver.fetched(kind, 0).read_bytes() == here.measured(kind, 0).read_bytes()


def test_prune_finds_what_no_manifest_names(lake, raw, monkeypatch):
    monkeypatch.setenv("DJ_HOME", f"{lake}/home")
    monkeypatch.setattr("dj_assets.subset.pruning.WRITING_S", -60)
    monkeypatch.setattr("dj_assets.subset.pruning.find_gallery", lambda: _gallery(raw))
    subset = Subset.of_asset(_gallery(raw).recipes["notes"], Options(workers=1))
    subset.run()
    store = Store.at(f"{lake}/home/notes")
    store.put("cleaned/00007-0123456789abcdef.parquet", b"left by a killed upload")
    (found,) = housekeeping()
    assert [str(one.path) for one in found.surplus] == [f"{lake}/home/notes/cleaned/00007-0123456789abcdef.parquet"]
    housekeeping(delete=True)
    assert housekeeping()[0].surplus == []
    assert subset.run().reused


def _gallery(raw: Path):
    from dj_assets.recipe.gallery import Gallery

    block = {"subset": "notes", "group": "mine", "source": {"paths": str(raw)}}
    return Gallery({"notes": load_recipe(recipe() | {"asset": block})}, {})


def test_no_secret_is_written_or_printed(lake, raw, tmp_path, s3_server):
    upload(raw, f"{lake}/raw")
    (tmp_path / "recipe.json").write_text(json.dumps(recipe()))
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(tmp_path / "recipe.json"), "--workers", "1"]
    where = ["--input", f"{lake}/raw", "--output", f"{lake}/out"]
    done = subprocess.run([*command, *where], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    with pytest.raises(UserError, match="refuses") as caught:
        run_recipe(recipe(), [f"{lake}/raw"], "s3://nobody-has-this/out")
    said = done.stdout + done.stderr + str(caught.value)
    store = Store.at(lake)
    objects = b"".join(store.get(key) for key in store.listing())
    files = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    for secret in (SECRET, KEY):
        assert secret not in said
        assert secret.encode() not in objects + files
