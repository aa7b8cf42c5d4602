"""The same recipe over the same file by 1, 2 and 4 nodes of Ray on this machine, and by its own workers, as JSON.

All nodes share the CPUs of the machine: what is seen is what the engine itself costs, not what more machines bring.

python -m benchmarks.nodes [--megabytes 40] [--nodes 1 2 4] [--recipe redpajama/c4] [--input FILE ...]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.cluster_utils import Cluster

import dj_assets
from benchmarks.inputs import REAL, ROOT, SAMPLES, default_models, write_jsonl
from benchmarks.process import command_line
from dj_assets.measure.engines import EngineName

RESULTS = Path(__file__).parent / "results"
STORE_BYTES = 150_000_000


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="dj-nodes-", dir=options.scratch) as name:
        data = Path(name) / "input.jsonl"
        megabytes = write_jsonl(options.input, data, options.megabytes)
        points = [_local(options, data)] + [_on_nodes(options, data, count) for count in options.nodes]
    found = {
        "command": command_line("nodes"),
        "recipe": options.recipe,
        "megabytes": round(megabytes, 1),
        "cpus": len(os.sched_getaffinity(0)),
        "load_before": points[0].pop("load"),
        "points": points,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "nodes.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    real = [path for path in (REAL / "redpajama_c4.jsonl.zst",) if path.exists()]
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--recipe", default="redpajama/c4")
    parser.add_argument("--input", type=Path, nargs="+", default=real or [SAMPLES / "c4.jsonl.gz"])
    parser.add_argument("--models", type=Path, default=default_models())
    parser.add_argument("--scratch", type=Path, help="folder for input and output (default: that of the system)")
    return parser.parse_args()


def _local(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    load = round(os.getloadavg()[0], 1)
    return {"engine": "local", "nodes": 1, "load": load, **_run(options, data, "local", 2)}


def _on_nodes(options: argparse.Namespace, data: Path, count: int) -> dict[str, Any]:
    os.environ["PYTHONPATH"] = str(ROOT)
    head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(count):
        cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    os.environ["RAY_ADDRESS"] = cluster.address
    try:
        return {"engine": "ray", "nodes": count, **_run(options, data, "ray", count)}
    finally:
        ray.shutdown()
        cluster.shutdown()
        del os.environ["RAY_ADDRESS"]


def _run(options: argparse.Namespace, data: Path, engine: EngineName, workers: int) -> dict[str, Any]:
    output = data.parent / f"{engine}-{workers}"
    recipe = ROOT / "recipes" / f"{options.recipe}.yaml"
    first: list[float] = []
    started, cpu = time.perf_counter(), _cpu_s()
    result = dj_assets.run_recipe(
        recipe,
        [data],
        output,
        engine=engine,
        workers=workers,
        models=options.models,
        report=lambda _: first.append(time.perf_counter() - started),
    )
    wall = time.perf_counter() - started
    manifest = result.manifest
    point = {
        "wall_s": round(wall, 1),
        "until_first_block_s": round(first[0], 1),
        "measure_s": manifest.seconds["measure"],
        "cpu_s_of_operators": round(sum(step.seconds for step in manifest.funnel), 1),
        "driver_cpu_s": round(_cpu_s() - cpu, 1),
        "samples": result.samples_in,
        "samples_out": result.samples_out,
        "blocks_by_node": [*manifest.blocks_by_node.values()],
        "driver_peak_mb": manifest.peak_rss_mb,
        "worker_peak_mb": max(shard.worker_mb for shard in manifest.files),
    }
    print(engine, workers, point)
    shutil.rmtree(output)
    return point


def _cpu_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
