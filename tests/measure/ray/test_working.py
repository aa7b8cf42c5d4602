"""A worker of the cluster, called in this process."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

pytest.importorskip("ray")

from dj_assets.errors import ContractError
from dj_assets.home.layout import Layout
from dj_assets.measure.ray.reading import content_of, row
from dj_assets.measure.ray.working import Worker
from dj_assets.measure.tally import FileTask
from dj_assets.measure.work import Task
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sources.readers import Block
from dj_assets.sources.sources import resolve


def test_a_breach_of_an_operators_contract_is_returned_to_the_driver(tmp_path, monkeypatch):
    monkeypatch.setattr("ray.get_gpu_ids", list)
    monkeypatch.setattr("dj_assets.measure.ray.working.this_node", lambda: "here")
    monkeypatch.setattr(pa, "set_cpu_count", lambda _: None)
    monkeypatch.setenv("DJ_DEVICE", "cpu")
    mine = tmp_path / "long.py"
    mine.write_text(
        "import pyarrow as pa\n"
        "from dj_assets.operators import RangeFilter, Statistic, register\n\n\n"
        "@register('test_ray_worker_filter')\nclass Long(RangeFilter):\n"
        "    statistics = (Statistic('long', pa.float64()),)\n"
        "    min_ratio: float = 0.0\n"
        "    max_ratio: float = 1.0\n\n"
        "    def measure(self, batch):\n"
        "        return {'long': pa.array([1.0] * (len(batch) + 1))}\n"
    )
    source = tmp_path / "web.jsonl"
    source.write_text('{"text": "one"}\n{"text": "two"}\n')
    recipe = load_recipe({"custom_operator_paths": [str(mine)], "process": ["test_ray_worker_filter"]})
    task = Task(make_plan(recipe), ModelStore())
    (file,) = resolve([source], tmp_path)
    layout = Layout.output(tmp_path / "out")
    worker = Worker([mine], pickle.dumps(task), {0: FileTask(file, 0, "key", "text")}, layout)
    answer = worker(row(0, 0, Block(0, 0, 0, source.read_bytes(), source.stat().st_size)))
    _, _, breach = content_of(answer)
    assert isinstance(breach, ContractError)
    assert str(breach).startswith(f"{mine}:11: Long.measure returned 3 values of 'long' for 2 samples; ")
