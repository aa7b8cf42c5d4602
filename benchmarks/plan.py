"""What a cluster needs for C4, five Common Crawl snapshots and 70 billion samples, from what was measured here.

CPU from `benchmarks.scaling` and `benchmarks.operators`, memory of the driver from `benchmarks.clustering`; bytes from
a run over the texts of C4 and Common Crawl beside the project, else over the shipped samples.

python -m benchmarks.plan
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import dj_assets
from benchmarks.inputs import ROOT, default_input, default_models, texts
from dj_assets.home.layout import MEASURED, Layout
from dj_assets.measure.ray.joining import write_block
from dj_assets.measure.work import Task, measure_block
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sources.readers import open_blocks
from dj_assets.sources.sources import SourceFile

RESULTS = Path(__file__).parent / "results"
# What the gallery refined, and the published run of Data-Juicer 2.0.
SUBSETS = {"C4": ("c4", 364_868_892), "Common Crawl, 5 snapshots": ("cc_2023_06", 476_276_019)}
BILLIONS = 70_000_000_000
RECORDS = 3000


def main() -> None:
    scaling, clustering = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("scaling", "clustering"))
    largest = scaling["points"][-1]
    whole = largest["megabytes"] / largest["cpu_s"]
    operators = {name: _operators_mb_per_s(name) for name, _ in SUBSETS.values()}
    found = {}
    for title, (subset, samples) in {**SUBSETS, "70 billion texts like C4": ("c4", BILLIONS)}.items():
        measured = measure_bytes(subset)
        # writing and reading cost the same for every recipe; operators differ
        mb_per_s = 1 / (1 / whole - 1 / operators["c4"] + 1 / operators[subset])
        found[title] = _plan(samples, measured, mb_per_s, clustering["line"]["bytes_a_sample"])
        print(title, json.dumps(found[title], indent=1))
    content = {"command": "python -m benchmarks.plan", "plans": found}
    (RESULTS / "plan.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _operators_mb_per_s(subset: str) -> float:
    return float(json.loads((RESULTS / f"operators_{subset}.json").read_text())["all_mb_per_s"])


def _plan(samples: int, measured: dict[str, float], mb_per_s: float, driver_bytes: float) -> dict[str, Any]:
    text_tb = samples * measured["text_bytes_a_sample"] / 1e12
    cpu_hours = text_tb * 1e6 / mb_per_s / 3600
    return {
        "samples": samples,
        **measured,
        "text_tb": round(text_tb, 2),
        "mb_per_cpu_s": round(mb_per_s, 2),
        "cpu_hours": round(cpu_hours),
        "hours_on_64_cpus": round(cpu_hours / 64, 2),
        "hours_on_6400_cpus": round(cpu_hours / 6400, 3),
        "moved_tb": round(text_tb * sum(measured[name] for name in ("read", "laid_down", "joined", "refined")), 2),
        "driver_gb": round(samples * driver_bytes / 1e9, 1),
        "files_of_256_mb": round(text_tb * 1e6 / 256) * (len(MEASURED) + 2),
    }


def measure_bytes(subset: str) -> dict[str, float]:
    """Return what is written and read, in bytes a byte of text, by a run over some records of a subset."""
    file = default_input(subset, {"c4": "redpajama_c4", "cc_2023_06": "redpajama_cc"}[subset])
    recipe = load_recipe(ROOT / f"recipes/redpajama/{subset}.yaml")
    task = Task(make_plan(recipe), ModelStore.with_folder(default_models()))
    with tempfile.TemporaryDirectory(prefix="dj-plan-") as name:
        folder = Path(name)
        result = dj_assets.run_recipe(recipe, [file], folder / "out", limit=RECORDS, models=default_models())
        layout = Layout.output(folder / "out")
        sizes = {kind: layout.measured(kind, 0).stat().st_size for kind in MEASURED}
        refined = sum(path.stat().st_size for path in layout.refined.iterdir())
        laid_down = 0
        for number, block in enumerate(open_blocks(SourceFile.at(file), 0, limit=RECORDS)):
            place = folder / f"{number}.arrow"
            write_block(place, measure_block(task, str(file), block).tables, MEASURED)
            laid_down += place.stat().st_size
    raw = [len(text.encode()) for _, text in zip(range(RECORDS), texts([file]), strict=False)]
    text_bytes = sum(raw)
    joined = sum(sizes.values())
    return {
        "text_bytes_a_sample": round(text_bytes / result.samples_in),
        # plain lines: once to be cut, once to be measured
        "read": 2.0,
        "laid_down": round(2 * laid_down / text_bytes, 2),
        "joined": round(joined / text_bytes, 2),
        "refined": round((sizes["cleaned"] + sizes["fields"] + refined) / text_bytes, 2),
        "statistics_bytes_a_sample": round((sizes["stats"] + sizes["signatures"]) / result.samples_in),
    }


if __name__ == "__main__":
    main()
