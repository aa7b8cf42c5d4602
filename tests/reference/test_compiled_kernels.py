"""The compiled kernels that set-up makes are all that the recipes of the gallery need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.kernel_set import kernel_set
from tests.paths import ROOT

# The texts of each recipe's sample through its row stage, as a worker measures them.
MEASURE = """
import gzip, json, itertools, sys
from pathlib import Path
import pyarrow as pa
from dj_assets import settings
from dj_assets.measure.row_stage import RowStage
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.recipe.gallery import find_gallery
from dj_assets.recipe.plan import Plan, make_plan

samples = Path(settings.__file__).parent / "samples"
measured = 0
for recipe in find_gallery((settings.included_recipes(),)).recipes.values():
    path = samples / f"{recipe.asset.subset}.jsonl.gz"
    if not path.exists():
        path = samples / "c4.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        records = [json.loads(line) for line in itertools.islice(lines, 12)]
    texts = [str(record.get("text") or record.get("content")) for record in records]
    plan = make_plan(recipe)
    plan = plan.stage(0) if plan.groupers else plan
    own_text = [step for step in plan.steps if not step.operator.reaches_out and not step.operator.text_key]
    rows = pa.RecordBatch.from_arrays([pa.array(texts), pa.array(["{}"] * len(texts))], names=["text", FIELDS])
    RowStage(Batch(rows, ModelStore(())), {}).run(Plan(plan.recipe, tuple(own_text)))
    measured += 1
print(measured)
"""


def test_no_recipe_of_the_gallery_compiles(tmp_path: Path) -> None:
    kernel_set()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 30
    assert sorted(path.name for path in tmp_path.rglob("*.nbi")) == []
