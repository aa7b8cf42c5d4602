"""One run of `dj-assets` from the command line, measured from outside, with the seconds of every operator."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.process import run


def measure_ours(recipe: Path, data: Path, folder: Path, workers: int, models: Path | None) -> dict[str, Any]:
    """Run a recipe; the seconds of an operator are those of all workers, divided by their number."""
    output = folder / "ours"
    shutil.rmtree(output, ignore_errors=True)
    command = [str(Path(sys.executable).parent / "dj-assets"), "run", str(recipe), "--input", str(data)]
    command += ["--output", str(output), "--workers", str(workers)]
    command += ["--models", str(models)] if models else []
    measured = run(command, folder / "ours.log")
    funnel = json.loads((output / "funnel.json").read_text("utf-8"))
    record = json.loads((output / "run.json").read_text("utf-8"))
    return {
        **asdict(measured),
        "stages_s": record["seconds"],
        "samples_in": record["samples_in"],
        "samples_out": record["samples_out"],
        "kept": _kept(output / "refined"),
        "operators_s": {step["operator"]: round(step["seconds"] / workers, 3) for step in funnel},
    }


def _kept(refined: Path) -> list[str]:
    parts = sorted(refined.glob("*.parquet"))
    return [one for part in parts for one in pq.read_table(part, columns=["id"])["id"].to_pylist()]
