"""Pools of a large subset: the thirds of every statistic, the sizes of all combinations, their correlations.

python -m benchmarks.sandbox_pools [--samples 1000000] [--statistics 22] [--combined 6]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.process import command_line
from dj_assets.sandbox.correlations import between_statistics
from dj_assets.sandbox.cuts import Probed, find_thirds
from dj_assets.sandbox.pools import Pool, pyramid_sizes

RESULTS = Path(__file__).parent / "results"
T = TypeVar("T")


def statistics(samples: int, count: int, seed: int = 0) -> pa.Table:
    """Return a table of statistics: continuous ones, and as many with heavy ties, in shards of 100,000."""
    rng = np.random.default_rng(seed)
    place = np.arange(samples)
    columns = {f"s{n}": rng.random(samples) if n % 2 else np.round(rng.normal(size=samples), 1) for n in range(count)}
    return pa.table({"shard": (place // 100_000).astype(np.int32), "row": place % 100_000, **columns})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--statistics", type=int, default=22)
    parser.add_argument("--combined", type=int, default=6)
    options = parser.parse_args()
    found: dict[str, Any] = {"command": command_line("sandbox_pools")}
    with duckdb.connect() as connection:
        connection.register("made", statistics(options.samples, options.statistics))
        connection.execute("CREATE TABLE stats AS SELECT * FROM made")
        probed = [Probed(f"s{n}") for n in range(options.statistics)]
        (thirds, _), found["thirds_s"] = timed(lambda: find_thirds(connection, probed))
        chosen = thirds[:: max(1, len(thirds) // options.combined)][: options.combined]
        sizes, found["pyramid_sizes_s"] = timed(lambda: pyramid_sizes(connection, chosen))
        _, found["correlations_s"] = timed(lambda: between_statistics(connection, probed))
        drawn = Pool("drawn", tuple(chosen[:2]), size=10_000)
        _, found["draw_s"] = timed(lambda: drawn.positions(connection))
    found |= {"thirds": len(thirds), "combinations": len(sizes)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sandbox_pools.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found))


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what the work gives and the seconds it took."""
    started = time.perf_counter()
    made = work()
    return made, round(time.perf_counter() - started, 2)


if __name__ == "__main__":
    main()
