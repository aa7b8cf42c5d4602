"""Text recipes, ours against Data-Juicer: same input, same number of workers, same models, medians of several runs.

    python -m benchmarks.text_recipes [--runs 3] [--workers 2] [--megabytes 20] [--models DIR] [--torch SPEC]

Without an environment for Data-Juicer ours is measured alone, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.inputs import ROOT, default_input, default_models, write_jsonl
from benchmarks.ours import measure_ours
from benchmarks.peer import NoPeerError, measure_peer, peer_python
from benchmarks.process import command_line
from dj_assets.models.store import ModelStore

RESULTS = Path(__file__).parent / "results"
RECIPES = {"c4": "redpajama_c4", "cc_2023_06": "redpajama_cc", "wiki": "redpajama_wiki", "arxiv": "redpajama_arxiv"}
MODELS = ("en.sp.model", "en.arpa.bin", "lid.176.bin")
NUMBERS = ("wall_s", "cpu_s", "largest_mb", "all_mb")


def main() -> None:
    options = _options()
    try:
        python = peer_python(options.peer_python, options.torch)
    except NoPeerError as error:
        print(f"Data-Juicer is not measured: {error}", file=sys.stderr)
        python = None
    found = {"command": command_line("text_recipes"), "machine": _machine(), "workers": options.workers, "recipes": {}}
    with tempfile.TemporaryDirectory(prefix="dj-bench-") as name:
        folder = Path(name)
        models = _same_models(folder / "models", options.models)
        for subset in options.recipes:
            found["recipes"][subset] = _recipe(subset, options, folder, models, python)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "text_recipes.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(table(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipes", nargs="+", choices=sorted(RECIPES), default=list(RECIPES))
    parser.add_argument("--input", type=Path, help="JSON lines for all recipes instead of each one's own")
    parser.add_argument("--megabytes", type=float, help="cut or repeat the input to so many (default: as it is)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--models", type=Path, help="folder with en.sp.model and en.arpa.bin", default=default_models())
    parser.add_argument("--torch", help="what pip installs for Data-Juicer, e.g. a CPU build of torch")
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment that has Data-Juicer")
    return parser.parse_args()


def _same_models(folder: Path, given: Path | None) -> Path:
    """Copy the models that ours would find under the names that Data-Juicer looks for."""
    folder.mkdir()
    store = ModelStore.with_folder(given)
    for name in MODELS:
        shutil.copy(store.find(name).path, folder / name)
    return folder


def _recipe(
    subset: str, options: argparse.Namespace, folder: Path, models: Path, python: Path | None
) -> dict[str, Any]:
    recipe = ROOT / "recipes" / "redpajama" / f"{subset}.yaml"
    data = folder / "input.jsonl"
    source = options.input or default_input(subset, RECIPES[subset])
    megabytes = write_jsonl([source], data, options.megabytes)
    # the first run fills the cache of compiled kernels and is counted apart
    first = measure_ours(recipe, data, folder, options.workers, models)
    ours = [measure_ours(recipe, data, folder, options.workers, models) for _ in range(options.runs)]
    found = {"input": source.name, "megabytes": round(megabytes, 1), "first_wall_s": first["wall_s"]}
    found["ours"] = _medians(ours)
    if python is not None:
        found["peer"] = _medians(
            [measure_peer(python, recipe, data, folder, options.workers) for _ in range(options.runs)]
        )
    return found


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    middle = {name: median(run[name] for run in runs) for name in NUMBERS}
    operators = {name: round(median(run["operators_s"][name] for run in runs), 3) for name in runs[0]["operators_s"]}
    walls = [run["wall_s"] for run in runs]
    return {**middle, "walls_s": walls, "samples_out": runs[0]["samples_out"], "operators_s": operators}


def _machine() -> dict[str, str]:
    return {"system": platform.platform(), "python": platform.python_version(), "processor": platform.machine()}


def table(found: dict[str, Any]) -> str:
    """Return the result as Markdown: recipes, then operators in MB/s."""
    lines = [
        "| recipe | MB | ours s | MB/s | CPU s | largest process MB | Data-Juicer s | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for subset, one in found["recipes"].items():
        ours, peer, size = one["ours"], one.get("peer"), one["megabytes"]
        other = f"{peer['wall_s']:.1f} | {peer['wall_s'] / ours['wall_s']:.1f}" if peer else "not measured | "
        speed = size / ours["wall_s"]
        lines.append(
            f"| {subset} | {size:.1f} | {ours['wall_s']:.1f} | {speed:.1f} | {ours['cpu_s']:.1f} | "
            f"{ours['largest_mb']:.0f} | {other} |"
        )
    return "\n".join([*lines, "", *_operator_rows(found)])


def _operator_rows(found: dict[str, Any]) -> list[str]:
    lines = ["| operator | recipe | ours MB/s | Data-Juicer MB/s |", "|---|---|--:|--:|"]
    for subset, one in found["recipes"].items():
        peer = one.get("peer", {}).get("operators_s", {})
        for name, seconds in one["ours"]["operators_s"].items():
            other = f"{one['megabytes'] / peer[name]:.1f}" if peer.get(name) else ""
            lines.append(f"| {name} | {subset} | {one['megabytes'] / max(seconds, 0.001):.0f} | {other} |")
    return lines


if __name__ == "__main__":
    main()
