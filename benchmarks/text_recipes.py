"""Text recipes, ours against Data-Juicer: same input, same number of workers, same models, medians of several runs.

    python -m benchmarks.text_recipes [--runs 3] [--workers 2] [--megabytes 20] [--models DIR] [--torch SPEC]

The runs of both take turns, so that a busy machine is busy for both. Without an environment for Data-Juicer ours is
measured alone, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.inputs import ROOT, default_input, default_models, write_jsonl
from benchmarks.ours import measure_ours
from benchmarks.peer import NoPeerError, measure_peer, peer_python
from benchmarks.process import command_line
from benchmarks.recipe_tables import table
from dj_assets.models.store import ModelStore

RESULTS = Path(__file__).parent / "results"
RECIPES = {"c4": "redpajama_c4", "cc_2023_06": "redpajama_cc", "wiki": "redpajama_wiki", "arxiv": "redpajama_arxiv"}
MODELS = ("en.sp.model", "en.arpa.bin", "lid.176.bin")
NUMBERS = ("wall_s", "cpu_s", "largest_mb", "all_mb")
# So many ids of samples that only one of both kept are written down.
EXAMPLES = 20


def main() -> None:
    options = _options()
    try:
        python = peer_python(options.peer_python, options.torch)
    except NoPeerError as error:
        print(f"Data-Juicer is not measured: {error}", file=sys.stderr)
        python = None
    found = {"command": command_line("text_recipes"), "machine": _machine(), "workers": options.workers, "recipes": []}
    with tempfile.TemporaryDirectory(prefix="dj-bench-") as name:
        folder = Path(name)
        models = _same_models(folder / "models", options.models)
        measure = _Measure(options, folder, models, python)
        for size in options.megabytes:
            for subset in options.recipes:
                found["recipes"].append(measure.recipe(subset, size))
                _write(found, options.result)
    print(table(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipes", nargs="+", choices=sorted(RECIPES), default=list(RECIPES))
    parser.add_argument("--input", type=Path, help="JSON lines for all recipes instead of each one's own")
    cut = "cut or repeat the input to so many, one row each (default: as it is)"
    parser.add_argument("--megabytes", type=float, nargs="+", default=[None], help=cut)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-runs", type=int, help="runs of Data-Juicer, where fewer must do")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--models", type=Path, help="folder with en.sp.model and en.arpa.bin", default=default_models())
    parser.add_argument("--torch", help="what pip installs for Data-Juicer, e.g. a CPU build of torch")
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment that has Data-Juicer")
    parser.add_argument("--result", default="text_recipes", help="name of the result's file, without .json")
    return parser.parse_args()


def _same_models(folder: Path, given: Path | None) -> Path:
    """Copy the models that ours would find under the names that Data-Juicer looks for."""
    folder.mkdir()
    store = ModelStore.with_folder(given)
    for name in MODELS:
        shutil.copy(store.find(name).path, folder / name)
    return folder


@dataclass(frozen=True)
class _Measure:
    """How recipes are measured; `peer` is Data-Juicer's interpreter, where there is one."""

    options: argparse.Namespace
    folder: Path
    models: Path
    peer: Path | None

    def recipe(self, subset: str, size: float | None) -> dict[str, Any]:
        """Measure a recipe on its input, cut or repeated to a size."""
        options, data = self.options, self.folder / "input.jsonl"
        source = options.input or default_input(subset, RECIPES[subset])
        megabytes = write_jsonl([source], data, size)
        recipe = ROOT / "recipes" / "redpajama" / f"{subset}.yaml"
        # the first run fills the cache of compiled kernels and is counted apart
        first = self._ours(recipe)
        ours: list[dict[str, Any]] = []
        peer: list[dict[str, Any]] = []
        loads = []
        for turn in range(options.runs):
            loads.append(round(os.getloadavg()[0], 2))
            ours.append(self._ours(recipe))
            if self.peer is not None and turn < (options.peer_runs or options.runs):
                peer.append(measure_peer(self.peer, recipe, data, self.folder, options.workers))
        found = {"recipe": subset, "input": source.name, "megabytes": round(megabytes, 1), "load": loads}
        found |= {"samples": first["samples_in"], "first_wall_s": first["wall_s"], "ours": _medians(ours)}
        return found | ({"peer": _medians(peer), "kept": _compared(ours[0]["kept"], peer[0]["kept"])} if peer else {})

    def _ours(self, recipe: Path) -> dict[str, Any]:
        return measure_ours(recipe, self.folder / "input.jsonl", self.folder, self.options.workers, self.models)


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


def _machine() -> dict[str, str]:
    return {"system": platform.platform(), "python": platform.python_version(), "processor": platform.machine()}


def _write(found: dict[str, Any], name: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
