"""Deduplication of synthetic signatures: random ones with a share of planted near pairs.

python -m benchmarks.signatures [--signatures 10000000] [--planted 0.05] [--distance 4] [--threads 1]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.process import command_line
from dj_assets.kernels.hamming import near_pairs
from dj_assets.replay.clusters import NearPairs, duplicates_by_value
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.system import peak_rss_mb

RESULTS = Path(__file__).parent / "results"


def signatures(count: int, planted: float, distance: int, seed: int = 0) -> npt.NDArray[np.uint64]:
    """Return random signatures, of which a share is another one with 1 to `distance` of its bits turned."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 2**64, count, dtype=np.uint64)
    near = int(count * planted)
    turned = made[:near].copy()
    bits = rng.integers(1, distance + 1, near)
    for turn in range(distance):
        flip = np.uint64(1) << rng.integers(0, 64, near, dtype=np.uint64)
        turned ^= np.where(turn < bits, flip, np.uint64(0))
    made[count - near :] = turned
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--signatures", type=int, default=10_000_000)
    parser.add_argument("--planted", type=float, default=0.05)
    parser.add_argument("--distance", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    near_pairs(np.arange(64, dtype=np.uint64), options.distance)  # compiles
    found: dict[str, Any] = {"command": command_line("signatures")}
    made = signatures(options.signatures, options.planted, options.distance)
    started = _clocks()
    distinct = distinct_sorted(made.copy())
    a, b, _ = near_pairs(distinct, options.distance, options.threads)
    found |= {"pairs": len(a), **_since(started, "near_pairs"), "near_pairs_mb": peak_rss_mb()}
    started = _clocks()
    duplicates = duplicates_by_value(made, np.ones(len(made), bool), NearPairs(a, b))
    found |= {**_since(started, "keepers"), "keepers_mb": peak_rss_mb()}
    found["duplicates"] = len(duplicates)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "signatures.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found))


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(started: tuple[float, float], what: str) -> dict[str, float]:
    wall, cpu = (round(now - then, 2) for now, then in zip(_clocks(), started, strict=True))
    return {f"{what}_s": wall, f"{what}_cpu_s": cpu}


if __name__ == "__main__":
    main()
