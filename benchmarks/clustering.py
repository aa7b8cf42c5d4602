"""Memory and time of deciding about all samples, by their number: on one machine, or in pieces by a Ray cluster.

Simhash signatures as the C4 recipe has them, drawn at random with as many equal and near ones as C4 holds; one
condition. Each size is a process of its own: what is told is its largest resident size above an empty one; in pieces
that of the process that leads, above one that is connected.

python -m benchmarks.clustering [--millions 1 10 100] [--duplicates 0.06] [--engine ray]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.process import command_line
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.measure.engines import for_each
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.replay.links import find_links
from dj_assets.replay.near_pairs import store
from dj_assets.replay.partitioned.deciding import replay_in_pieces
from dj_assets.replay.population import load_population
from dj_assets.replay.replay import replay
from dj_assets.replay.result import replay_result
from dj_assets.system import peak_rss_mb

RESULTS = Path(__file__).parent / "results"
ROWS_A_FILE = 350_000
NO_FILE = FileManifest(0, "", 0, 0, "", "", None, 0, 0, 0, 0, 0)
RECIPE = {
    "process": [
        {"alphanumeric_filter": {"min_ratio": 0.05}},
        {"document_simhash_deduplicator": {"window_size": 6, "num_blocks": 6, "hamming_distance": 4}},
    ]
}


def main() -> None:
    options = _options()
    if options.one is not None:
        measured = measure_pieces if options.engine == "ray" else measure
        print(json.dumps(measured(options.one, options.duplicates)))
        return
    chosen = ["--engine", options.engine, "--duplicates", str(options.duplicates)]
    again = [sys.executable, "-m", "benchmarks.clustering", *chosen, "--one"]
    points = []
    for millions in sorted(options.millions):
        told = subprocess.run([*again, str(int(millions * 1e6))], check=True, capture_output=True, text=True).stdout
        points.append(json.loads(told.splitlines()[-1]))
        print(points[-1])
    slope, rest = np.polyfit([point["samples"] for point in points], [point["driver_mb"] * 1e6 for point in points], 1)
    found = {
        "command": command_line("clustering"),
        "points": points,
        "line": {"bytes_a_sample": round(float(slope), 1), "megabytes_at_0": round(float(rest) / 1e6, 1)},
    }
    RESULTS.mkdir(exist_ok=True)
    name = "clustering_ray.json" if options.engine == "ray" else "clustering.json"
    (RESULTS / name).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(found["line"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10, 100])
    parser.add_argument("--duplicates", type=float, default=0.06, help="share of samples that repeat others")
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(samples: int, duplicates: float) -> dict[str, float]:
    """Write the statistics and signatures of so many samples, then decide about them as the barrier does."""
    plan = make_plan(load_recipe(RECIPE))
    with tempfile.TemporaryDirectory(prefix="dj-clustering-") as name:
        layout = Layout.home(Path(name))
        stats, signatures = write_samples(layout, samples, duplicates, plan.steps[1].signature)
        warm = make_plan(load_recipe(RECIPE))
        find_links(Layout.home(Path(name) / "warm"), warm, signatures[:0], "none")
        before = peak_rss_mb()
        started = time.perf_counter()
        links = find_links(layout, plan, signatures, "all")
        linked = time.perf_counter()
        population = load_population(plan, stats, signatures)
        outcome = replay(plan, population, links, threads=1)
        replay_result(len(plan.steps), population, outcome, 0)
        decided = time.perf_counter()
        return {
            "samples": samples,
            "driver_mb": round(peak_rss_mb() - before, 1),
            "pairs_s": round(linked - started, 2),
            "replay_s": round(decided - linked, 2),
            "pairs": len(next(iter(links.values())).a),  # type: ignore[union-attr]
            "duplicates": len(outcome.duplicates),
        }


def measure_pieces(samples: int, duplicates: float) -> dict[str, float]:
    """Decide about as many samples in pieces, on the cluster of this machine, and store what became of them."""
    from dj_assets.measure.ray.cluster import connect  # noqa: PLC0415 - Ray is loaded where it was chosen

    plan = make_plan(load_recipe(RECIPE))
    with tempfile.TemporaryDirectory(prefix="dj-clustering-") as name:
        layout = Layout.home(Path(name))
        stats, _ = write_samples(layout, samples, duplicates, plan.steps[1].signature)
        rows = [pq.read_metadata(path).num_rows for path in stats]
        manifests = [dataclasses.replace(NO_FILE, number=number, rows=own) for number, own in enumerate(rows)]
        connect()
        before = peak_rss_mb()
        started = time.perf_counter()
        in_pieces = partial(replay_in_pieces, manifests=manifests, reference=[], measured="all")
        with in_pieces(partial(for_each, "ray"), layout, plan) as found:
            store(layout.decision, found.outcome_table, b"key")
            return {
                "samples": samples,
                "driver_mb": round(peak_rss_mb() - before, 1),
                "decided_s": round(time.perf_counter() - started, 2),
                "pairs": found.near_pairs,
                "duplicates": sum(counts.duplicates for counts in found.file_counts),
            }


def write_samples(layout: Layout, samples: int, duplicates: float, column: str) -> tuple[list[Path], list[Path]]:
    """Write measured files of synthetic samples, a file at a time; return those of statistics and signatures."""
    rng = np.random.default_rng(5)
    files: tuple[list[Path], list[Path]] = ([], [])
    earlier = rng.integers(0, 1 << 64, max(1, int(samples * duplicates / 3)), np.uint64)
    for file, first in enumerate(range(0, samples, ROWS_A_FILE)):
        rows = min(ROWS_A_FILE, samples - first)
        signature = rng.integers(0, 1 << 64, rows, np.uint64)
        again = rng.random(rows) < duplicates
        flipped = np.where(rng.random(rows) < 0.5, np.uint64(0), np.uint64(1) << rng.integers(0, 64, rows, np.uint64))
        signature[again] = (rng.choice(earlier, rows) ^ flipped)[again]
        number = pa.repeat(pa.scalar(file, pa.int32()), rows)
        row = pa.array(np.arange(rows))
        tables = (
            {"shard": number, "row": row, "alnum_ratio": pa.array(rng.random(rows))},
            {"row": row, "failed_at": pa.nulls(rows, pa.int16()), column: pa.array(signature)},
        )
        for kind, table, written in zip(("stats", "signatures"), tables, files, strict=True):
            path = layout.measured(kind, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(table), path)
            written.append(path)
    return files


if __name__ == "__main__":
    main()
