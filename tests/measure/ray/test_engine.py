from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets import settings
from dj_assets.errors import ContractError, SourceError, UserError, WorkerDiedError
from dj_assets.measure.progress import Progress, Report, silent
from dj_assets.publish import flat
from dj_assets.sources import bundles
from tests import every_kind
from tests.documents import documents, write_jsonl
from tests.measure.ray.conftest import NODES
from tests.media import made
from tests.paths import ROOT, shared

SAMPLES = ROOT / "dj_assets/samples"
SIMHASH = {"document_simhash_deduplicator": {"window_size": 3}}


def said(output: Path) -> dict:
    """Return everything a run wrote, without times and run ids."""
    funnel = [
        {k: v for k, v in step.items() if k != "seconds"} for step in json.loads((output / "funnel.json").read_text())
    ]
    places = [
        output,
        output / "refined",
        *(output / ".dj" / kind for kind in ("cleaned", "fields", "stats", "signatures", "rejects")),
    ]
    tables = {str(p.relative_to(output)): pq.read_table(p) for place in places for p in sorted(place.glob("*.parquet"))}
    calls = tables.get("generations.parquet")
    if calls is not None:
        tables["generations.parquet"] = calls.drop_columns(["asked", "seconds"])
    return {"funnel": funnel, **tables}


def run_of(output: Path) -> dict:
    return json.loads((output / "run.json").read_text())


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(settings, "BATCH_BYTES", 10_000)


def both(recipe, inputs: list[Path], tmp_path: Path, report: Report = silent, **options) -> dict:
    """Run on this machine and on the cluster; return what the cluster's run says, once they wrote the same."""
    dj_assets.run_recipe(recipe, inputs, tmp_path / "local", workers=1, engine="local", **options)
    dj_assets.run_recipe(recipe, inputs, tmp_path / "ray", engine="ray", workers=NODES, report=report, **options)
    here, there = said(tmp_path / "local"), said(tmp_path / "ray")
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    assert not (tmp_path / "ray/.dj/under_way").exists()
    return run_of(tmp_path / "ray")


def test_c4_on_three_nodes_is_c4_on_one_machine(raylets, tmp_path, small_blocks):
    plain, table = tmp_path / "plain.jsonl", tmp_path / "table.parquet"
    plain.write_bytes(gzip.decompress((SAMPLES / "c4.jsonl.gz").read_bytes()))
    pq.write_table(pa.Table.from_pylist(documents(80)), table)
    inputs = [plain, SAMPLES / "c4.jsonl.gz", table, write_jsonl(tmp_path / "empty.jsonl", [])]
    run = both(ROOT / "recipes/redpajama/c4.yaml", inputs, tmp_path)
    assert run["engine"] == "ray"
    assert len(run["nodes"]) == NODES, "work was seen on every node"
    assert sum(run["blocks_by_node"].values()) > 3 * NODES, "even single files were measured by several"
    manifest = json.loads((tmp_path / "ray/.dj/shards/00000.json").read_text())
    assert len(manifest["nodes"]) == NODES
    assert manifest["worker_mb"] > 50


def test_a_node_is_killed_in_the_middle(raylets, tmp_path, small_blocks):
    common = "The same line stands in very many of these documents.\n"
    records = [{"text": common + record["text"]} for record in documents(400) if record["text"]]
    inputs = [write_jsonl(tmp_path / f"part-{n}.jsonl", records[n::2]) for n in range(2)]
    # counted in a pass of its own, before the pass that measures
    lines = {"document_line_deduplicator": {"frequency_threshold": 20}}
    killed = []

    def kill(progress: Progress) -> None:
        if not killed and progress.rows > 100:
            killed.append(raylets.kill_one())

    run = both({"process": [lines, {"text_length_filter": {"min_len": 20}}, SIMHASH]}, inputs, tmp_path, report=kill)
    assert killed
    assert len(run["nodes"]) >= NODES - 1
    assert common not in "".join(pq.read_table(tmp_path / "ray/cleaned.parquet")["text"].to_pylist())


def test_flat_files_are_written_on_a_node(raylets, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        pytest.fail("the driver wrote a flat file")

    # what is patched here is not on the nodes
    monkeypatch.setattr(flat, "join_parquet", fail)
    monkeypatch.setattr(flat, "export_table", fail)
    inputs = [write_jsonl(tmp_path / f"part-{n}.jsonl", documents(20, seed=n)) for n in range(2)]
    done = dj_assets.run_recipe({"process": ["text_length_filter"]}, inputs, tmp_path / "out", engine="ray")
    assert pq.read_table(tmp_path / "out/cleaned.parquet").num_rows >= done.samples_out > 0
    assert {path.stem for path in (tmp_path / "out").glob("*.parquet")} == {"cleaned", "stats", "dropped", "quarantine"}


@pytest.mark.shared
def test_real_c4_with_its_models(raylets, tmp_path, small_blocks):
    models = shared() / "conformance/models"
    recipe = ROOT / "recipes/redpajama/c4.yaml"
    both(recipe, [shared() / "data/redpajama_c4.jsonl.zst"], tmp_path, models=models, limit=300)


def test_parts_of_clips_are_made_on_the_nodes(raylets, tmp_path):
    paths = []
    for number in range(3):
        made.clip(tmp_path / f"{number}.mp4", 12 + number, seed=number)
        sample = {"text": f"<__dj__video> {number}", "videos": [f"{number}.mp4"]}
        paths.append(write_jsonl(tmp_path / f"{number}.jsonl", [sample]))
    cut = {"split_duration": 0.5, "keep_original_sample": False}
    recipe = {"process": [{"video_split_by_duration_mapper": cut}, {"video_duration_filter": {"min_duration": 0.2}}]}
    run = both(recipe, paths, tmp_path)
    assert (run["created"], run["samples_out"]) == (3, 3)
    files = [{path.name for path in (tmp_path / engine / "media").glob("*/[!.]*")} for engine in ("local", "ray")]
    assert files[0] == files[1]
    assert len(files[0]) == 9


def test_every_kind_of_operator_gives_the_same_as_on_one_machine(raylets, tmp_path, monkeypatch):
    inputs = every_kind.write_source(tmp_path / "in", 2, 20)
    monkeypatch.setenv("DJ_LLM", every_kind.write_answers(tmp_path / "answers.json"))
    run = both(tmp_path / "every_kind.yaml", inputs, tmp_path)
    assert run["expanded"] > 0
    assert run["grouped"] > run["samples_out"] > 0
    here, there = (every_kind.results(tmp_path / engine) for engine in ("local", "ray"))
    assert here == there
    assert here["media"]


def test_many_small_files_are_joined(raylets, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "_MANY_FILES", 10)
    records = documents(3)
    inputs = [write_jsonl(tmp_path / f"{n}.jsonl", records) for n in range(8)]
    for number in range(8):
        inputs.append(tmp_path / f"{number}.csv")
        inputs[-1].write_text(f"text\na text of cells with the number {number}\n")
    run = both({"process": ["text_length_filter", SIMHASH]}, inputs, tmp_path)
    assert sum(len(file["members"]) for file in run["shards"]) == len(inputs)
    assert len(run["shards"]) < 5


def test_a_deadly_block_is_named(raylets, tmp_path, small_blocks):
    (tmp_path / "killer.py").write_text(
        "import os, signal\n"
        "from dj_assets.operators.base import Mapper\n"
        "from dj_assets.operators.registry import register\n\n\n"
        "@register('test_ray_killer_mapper')\nclass Killer(Mapper):\n"
        "    def apply(self, batch):\n"
        "        if 'kill' in batch.text.to_pylist():\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return batch\n"
    )
    source = write_jsonl(tmp_path / "web.jsonl", [{"text": "kill" if n == 150 else "x" * 200} for n in range(300)])
    recipe = {"custom_operator_paths": [str(tmp_path / "killer.py")], "process": ["test_ray_killer_mapper"]}
    with pytest.raises(WorkerDiedError, match=r"web\.jsonl: 3 worker processes died .* row (7\d|1[0-4]\d|150) "):
        dj_assets.run_recipe(recipe, [source], tmp_path / "out", engine="ray")
    assert not (tmp_path / "out/refined").exists()


def test_a_breach_of_an_operators_contract_is_one_line(raylets, tmp_path, small_blocks):
    (tmp_path / "long.py").write_text(
        "import pyarrow as pa\n"
        "from dj_assets.operators import RangeFilter, Statistic, register\n\n\n"
        "@register('test_ray_long_filter')\nclass Long(RangeFilter):\n"
        "    statistics = (Statistic('long', pa.float64()),)\n"
        "    min_ratio: float = 0.0\n"
        "    max_ratio: float = 1.0\n\n"
        "    def measure(self, batch):\n"
        "        return {'long': pa.array([1.0] * (len(batch) + 1))}\n"
    )
    source = write_jsonl(tmp_path / "web.jsonl", documents(100))
    recipe = {"custom_operator_paths": [str(tmp_path / "long.py")], "process": ["test_ray_long_filter"]}
    with pytest.raises(
        ContractError, match=r"long\.py:11: Long\.measure returned \d+ values of 'long' for \d+ samples"
    ):
        dj_assets.run_recipe(recipe, [source], tmp_path / "out", engine="ray")
    assert not (tmp_path / "out/refined").exists()


def test_all_files_that_cannot_be_read_are_told_at_once(raylets, tmp_path):
    good = write_jsonl(tmp_path / "good.jsonl", documents(20))
    cut = [tmp_path / f"{name}.jsonl.gz" for name in ("a", "z")]
    for path in cut:
        path.write_bytes(gzip.compress(good.read_bytes())[:-200])
    with pytest.raises(SourceError, match=r"\.jsonl\.gz: .*breaks off") as error:
        dj_assets.run_recipe(
            {"process": ["text_length_filter"]}, [cut[0], good, cut[1]], tmp_path / "out", engine="ray"
        )
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [str(path) for path in cut]
    assert len([*(tmp_path / "out/.dj/stats").iterdir()]) == 1, "the other file is measured and kept"
    assert not (tmp_path / "out/.dj/under_way").exists()


def test_what_a_node_does_not_see_is_named(raylets, tmp_path):
    from dj_assets.measure.ray import cluster

    cluster.connect()
    with pytest.raises(UserError, match=r"node .* does not see .*gone\.jsonl; .*storage that all nodes share"):
        cluster.look_over(cluster.nodes(), tmp_path / "work", [tmp_path / "gone.jsonl"])
    assert not [*(tmp_path / "work").iterdir()]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:1", "no Ray cluster answers there"),
        (
            "ray://127.0.0.1:10001",
            "ray.data does not run through Ray Client; start .* RAY_ADDRESS=HOST:PORT as ray start",
        ),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told_in_one_line(tmp_path, address, told):
    source = write_jsonl(tmp_path / "a.jsonl", documents(5))
    (tmp_path / "r.yaml").write_text("process: [text_length_filter]\n")
    command = [sys.executable, "-m", "dj_assets.cli", "run", "r.yaml", "--input", source, "--output", "out"]
    done = subprocess.run(
        [*command, "--engine", "ray"],
        cwd=tmp_path,
        env={**os.environ, "RAY_ADDRESS": address, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert re.search(f"RAY_ADDRESS={address}: {told}", done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1
