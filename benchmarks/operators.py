"""Every operator of a recipe on one core: MB of text per second of CPU time, in one process, kernels compiled.

    python -m benchmarks.operators [--recipe redpajama/c4] [--input FILE] [--megabytes 40] [--models DIR]

An operator pays for what it derives first (pieces, lower case, counted characters); those behind it share it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.inputs import ROOT, default_input, default_models, texts
from benchmarks.process import command_line
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Deduplicator, Filter, Mapper, Operator
from dj_assets.operators.batch import Batch
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.settings import BATCH_BYTES

RESULTS = Path(__file__).parent / "results"
# Real texts for the recipes that the table in the documentation shows.
REAL = {"c4": "redpajama_c4", "cc_2023_06": "redpajama_cc", "wiki": "redpajama_wiki", "arxiv": "redpajama_arxiv"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="redpajama/c4")
    parser.add_argument("--input", type=Path)
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--models", type=Path, default=default_models())
    options = parser.parse_args()
    subset = options.recipe.split("/")[-1]
    source = options.input or default_input(subset, REAL.get(subset, subset))
    plan = make_plan(load_recipe(ROOT / "recipes" / f"{options.recipe}.yaml"))
    models = ModelStore.with_folder(options.models)
    for step in plan.steps:
        _apply(step.operator, Batch.of_texts(["Warm up, once: http://example.org é"], models))
    seconds: Counter[str] = Counter()
    size = 0
    for batch in _batches(source, options.megabytes, models):
        size += batch.text.nbytes
        current = batch
        for step in plan.steps:
            started = time.process_time()
            current = _apply(step.operator, current)
            seconds[step.label] += time.process_time() - started
    megabytes = size / 1e6
    speeds = {label: round(megabytes / max(cpu, 1e-3), 1) for label, cpu in seconds.items()}
    found = {
        "command": command_line("operators"),
        "input": source.name,
        "megabytes": round(megabytes, 1),
        "all_mb_per_s": round(megabytes / sum(seconds.values()), 2),
        "seconds": {label: round(cpu, 3) for label, cpu in seconds.items()},
        "mb_per_s": speeds,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"operators_{subset}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(f"{source.name}: {megabytes:.1f} MB, all together {found['all_mb_per_s']} MB/s")
    for label, speed in speeds.items():
        print(f"{label:42s} {seconds[label]:8.3f} s {speed:10.1f} MB/s")


def _apply(operator: Operator, batch: Batch) -> Batch:
    if isinstance(operator, Mapper):
        return operator.apply(batch)
    if isinstance(operator, Filter):
        operator.measure(batch)
    elif isinstance(operator, Deduplicator):
        operator.sign(batch)
    return batch


def _batches(source: Path, megabytes: float, models: ModelStore) -> Iterator[Batch]:
    held: list[str] = []
    size = total = 0
    for text in texts([source]):
        held.append(text)
        size += len(text.encode())
        if size >= BATCH_BYTES or total + size >= megabytes * 1e6:
            yield Batch.of_texts(held, models)
            total, size, held = total + size, 0, []
            if total >= megabytes * 1e6:
                return
    if held:
        yield Batch.of_texts(held, models)


if __name__ == "__main__":
    main()
