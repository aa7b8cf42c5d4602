"""The floor: JSON lines to refined Parquet with one trivial filter, beside Arrow that reads and writes the same alone.

    python -m benchmarks.floor [--megabytes 150] [--runs 3] [--workers 1]

Both take turns. The figure is CPU time of all processes, start and end included.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.inputs import default_input, write_jsonl
from benchmarks.ours import measure_ours
from benchmarks.process import command_line, run
from benchmarks.text_recipes import RECIPES
from benchmarks.turns import machine, write_result

ARROW = """
import sys
import pyarrow.json as pj
import pyarrow.parquet as pq
table = pj.read_json(sys.argv[1], pj.ReadOptions(use_threads=False, block_size=16 << 20))
pq.write_table(table, sys.argv[2], compression="zstd")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=150)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--result", default="floor", help="name of the result's file, without .json")
    options = parser.parse_args()
    ours, alone = [], []
    with tempfile.TemporaryDirectory(prefix="dj-floor-") as name:
        folder = Path(name)
        data, recipe = folder / "input.jsonl", folder / "recipe.yaml"
        sources = [default_input(subset, RECIPES[subset]) for subset in ("c4", "cc_2023_06", "wiki")]
        megabytes = write_jsonl(sources, data, options.megabytes)
        recipe.write_text("process:\n  - text_length_filter:\n", "utf-8")
        for _ in range(options.runs):
            arrow = [sys.executable, "-c", ARROW, str(data), str(folder / "arrow.parquet")]
            alone.append(asdict(run(arrow, folder / "arrow.log")))
            ours.append(measure_ours(recipe, data, folder, options.workers, None))
    cpu = {who: median(one["cpu_s"] for one in runs) for who, runs in (("ours", ours), ("arrow", alone))}
    found = {
        "command": command_line("floor"),
        "machine": machine(),
        "megabytes": round(megabytes, 1),
        "cpu_s": cpu,
        "ratio": round(cpu["ours"] / cpu["arrow"], 2),
        "largest_mb": {
            "ours": max(one["largest_mb"] for one in ours),
            "arrow": max(one["largest_mb"] for one in alone),
        },
    }
    write_result(found, options.result)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
