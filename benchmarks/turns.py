"""Two programs measured in turns, so that a busy machine is busy for both."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"
NUMBERS = ("wall_s", "cpu_s", "largest_mb", "all_mb", "pss_mb")
# So many ids of samples that only one of both kept are written down.
EXAMPLES = 20
Run = Callable[[], dict[str, Any]]


def in_turns(runs: int, ours: Run, peer: Run | None, peer_runs: int) -> dict[str, Any]:
    """Return the medians of both, each run's load average, and which samples only one of them kept.

    The first run of ours fills the cache of compiled kernels and is counted apart.
    """
    first = ours()
    own: list[dict[str, Any]] = []
    other: list[dict[str, Any]] = []
    loads = []
    for turn in range(runs):
        loads.append(round(os.getloadavg()[0], 2))
        own.append(ours())
        if peer is not None and turn < peer_runs:
            other.append(peer())
    found = {"load": loads, "samples": first["samples_in"], "first_wall_s": first["wall_s"], "ours": _medians(own)}
    return found | ({"peer": _medians(other), "kept": _compared(own[0]["kept"], other[0]["kept"])} if other else {})


def machine() -> dict[str, str]:
    """Return what the figures were taken on."""
    return {"system": platform.platform(), "python": platform.python_version(), "processor": platform.machine()}


def write_result(found: dict[str, Any], name: str) -> None:
    """Write a result under its name."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    middle = {name: median(run[name] for run in runs) for name in NUMBERS}
    operators = {name: round(median(run["operators_s"][name] for run in runs), 3) for name in runs[0]["operators_s"]}
    walls = [run["wall_s"] for run in runs]
    return {**middle, "walls_s": walls, "samples_out": len(runs[0]["kept"]), "operators_s": operators}


def _compared(ours: list[str], peer: list[str]) -> dict[str, Any]:
    """Return how many samples both kept, how many only one of them, and the first of those."""
    alone = {"ours": sorted(set(ours) - set(peer), key=int), "peer": sorted(set(peer) - set(ours), key=int)}
    return {"both": len(set(ours) & set(peer)), **{f"only_{who}": len(ids) for who, ids in alone.items()}} | {
        f"first_only_{who}": ids[:EXAMPLES] for who, ids in alone.items()
    }
