"""Every text recipe on real texts that fit it: samples in and out, what dropped them, and the seconds of the whole run.

    python -m benchmarks.gallery [--workers 2] [--recipes c4 arxiv ...] [--models DIR]

The texts lie beside the project. They are read as plain JSON lines, also where a recipe has a reader for raw files; a
union of refined subsets is made of what these recipes kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.inputs import REAL, ROOT, default_models
from benchmarks.process import command_line, run

RESULTS = Path(__file__).parent / "results"
SUBSETS_OF_COMMON_CRAWL = ("cc_2019_30", "cc_2020_05", "cc_2021_04", "cc_2022_05", "cc_2023_06")
# Which texts fit a recipe, where they are not named like it and its group; a union names its parts.
FITTING = {
    **dict.fromkeys(SUBSETS_OF_COMMON_CRAWL, "redpajama_cc"),
    "stackexchange": "redpajama_pile_stackexchange",
    "redpajama_code": "redpajama_code",
    "the_stack": "the_stack",
    "alpaca_en": "alpaca_cot_en",
    "alpaca_zh": "alpaca_cot_zh",
    "reproduced_arxiv": "redpajama_arxiv",
    "reproduced_books": "redpajama_book",
    "reproduced_code": "redpajama_code",
    "reproduced_stackexchange": "redpajama_pile_stackexchange",
    "bloom_oscar": "redpajama_c4",
}
UNIONS = {"code": ("redpajama_code", "the_stack")}
GROUPS = ("redpajama", "pile", "github_code", "alpaca_cot", "reproduced")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipes", nargs="+", help="subset names (default: all text recipes that have fitting texts)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--models", type=Path, default=default_models())
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="dj-gallery-") as name:
        folder = Path(name)
        for recipe in sorted(_recipes(), key=lambda path: path.stem in UNIONS):
            inputs = _inputs(recipe, folder)
            if inputs and (options.recipes is None or recipe.stem in options.recipes):
                rows.append(_measure(recipe, inputs, folder, options))
                print(_row(rows[-1]), file=sys.stderr)
    found = {"command": command_line("gallery"), "workers": options.workers, "recipes": rows}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gallery.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(table(found))


def _recipes() -> list[Path]:
    return [path for group in GROUPS for path in sorted((ROOT / "recipes" / group).glob("*.yaml"))]


def _inputs(recipe: Path, folder: Path) -> list[Path]:
    """Return the texts that fit a recipe, or what the recipes of its parts kept; none where there is no such text."""
    if recipe.stem in UNIONS:
        return [path for part in UNIONS[recipe.stem] if (path := folder / part / "refined").is_dir()]
    name = FITTING.get(recipe.stem, f"{recipe.parent.name}_{recipe.stem}")
    path = REAL / f"{name}.jsonl.zst"
    return [path] if path.exists() else []


def _measure(recipe: Path, inputs: Sequence[Path], folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    output = folder / recipe.stem
    given = yaml.safe_load(recipe.read_text("utf-8"))
    if recipe.stem not in UNIONS:
        given.pop("asset")
    made = folder / f"{recipe.stem}.yaml"
    made.write_text(yaml.safe_dump(given, sort_keys=False), "utf-8")
    command = [str(Path(sys.executable).parent / "dj-assets"), "run", str(made), "--output", str(output)]
    command += ["--workers", str(options.workers), *(["--models", str(options.models)] if options.models else [])]
    measured = run([*command, *(word for path in inputs for word in ("--input", str(path)))], folder / "log")
    record = json.loads((output / "run.json").read_text("utf-8"))
    steps = json.loads((output / "funnel.json").read_text("utf-8"))
    return {
        "recipe": f"{recipe.parent.name}/{recipe.stem}",
        "input": ", ".join(path.parent.name if path.is_dir() else path.name for path in inputs),
        **{key: record[key] for key in ("samples_in", "samples_out", "dropped", "quarantined")},
        "dropped_by": {step["operator"]: step["in"] - step["out"] for step in steps if step["in"] > step["out"]},
        "wall_s": measured.wall_s,
        "largest_mb": measured.largest_mb,
    }


def table(found: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    heads = ("recipe", "input", "in", "out", "retention", "dropped by", "quarantined", "s")
    lines = [f"| {' | '.join(heads)} |", "|---|---|--:|--:|--:|---|--:|--:|"]
    return "\n".join([*lines, *(_row(one) for one in found["recipes"])])


def _row(one: dict[str, Any]) -> str:
    by = sorted(one["dropped_by"].items(), key=lambda item: -item[1])
    cells = (
        one["recipe"],
        one["input"].removesuffix(".jsonl.zst"),
        f"{one['samples_in']:,}",
        f"{one['samples_out']:,}",
        f"{one['samples_out'] / max(one['samples_in'], 1):.1%}",
        ", ".join(f"{name.removesuffix('_filter').removesuffix('_deduplicator')} {count:,}" for name, count in by),
        f"{one['quarantined']:,}",
        f"{one['wall_s']:.1f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
