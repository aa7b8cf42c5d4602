"""Text recipes, ours against Data-Juicer: same input, same number of workers, same models, medians of several runs.

    python -m benchmarks.text_recipes [--runs 3] [--workers 2] [--megabytes 20] [--models DIR] [--torch SPEC]

The runs of both take turns, so that a busy machine is busy for both. Without an environment for Data-Juicer ours is
measured alone, and the table says so.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.inputs import ROOT, default_input, default_models, write_jsonl
from benchmarks.ours import measure_ours
from benchmarks.peer import measure_peer, peer_or_none
from benchmarks.process import command_line
from benchmarks.recipe_tables import table
from benchmarks.turns import in_turns, machine, write_result
from dj_assets.models.store import ModelStore

RECIPES = {"c4": "redpajama_c4", "cc_2023_06": "redpajama_cc", "wiki": "redpajama_wiki", "arxiv": "redpajama_arxiv"}
MODELS = ("en.sp.model", "en.arpa.bin", "lid.176.bin")


def main() -> None:
    options = _options()
    python = peer_or_none(options.peer_python, options.torch)
    found = {"command": command_line("text_recipes"), "machine": machine(), "workers": options.workers, "recipes": []}
    with tempfile.TemporaryDirectory(prefix="dj-bench-") as name:
        folder = Path(name)
        models = _same_models(folder / "models", options.models)
        measure = _Measure(options, folder, models, python)
        for size in options.megabytes:
            for subset in options.recipes:
                found["recipes"].append(measure.recipe(subset, size))
                write_result(found, options.result)
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
        found = {"recipe": subset, "input": source.name, "megabytes": round(megabytes, 1)}
        return found | in_turns(
            options.runs,
            lambda: measure_ours(recipe, data, self.folder, options.workers, self.models),
            self.peer and partial(measure_peer, self.peer, recipe, data, self.folder, options.workers),
            options.peer_runs or options.runs,
        )


if __name__ == "__main__":
    main()
