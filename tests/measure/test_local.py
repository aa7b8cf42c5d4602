from __future__ import annotations

import os
import signal

import pyarrow as pa
import pytest

from dj_assets.errors import WorkerDiedError
from dj_assets.measure.local import local_engine
from dj_assets.measure.work import Task
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sources.readers import Block


def blocks(count: int, text: str = "some text") -> list[Block]:
    return [Block(0, n * 2, n * 100, f'{{"text": "{text} {n}"}}\n{{"text": "x"}}\n'.encode(), n) for n in range(count)]


def task(*process) -> Task:
    return Task(make_plan(load_recipe({"process": list(process)})), ModelStore())


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_blocks(workers):
    with local_engine(task("text_length_filter"), workers) as engine:
        measured = list(engine.measure_blocks("f", iter(blocks(9))))
    assert [block.summary.file_bytes for block in measured] == list(range(9))
    assert pa.concat_arrays([block.tables["stats"]["text_len"] for block in measured]).to_pylist() == [11, 1] * 9


def test_no_more_blocks_are_read_than_workers_can_take():
    read = 0

    def counted():
        nonlocal read
        for block in blocks(50):
            read += 1
            yield block

    with local_engine(task("text_length_filter"), 2) as engine:
        results = engine.measure_blocks("f", counted())
        next(results)
        assert read <= 5
        results.close()


def test_a_dead_worker_is_named_with_its_rows(tmp_path):
    path = tmp_path / "killer.py"
    path.write_text(
        "import os, signal\n"
        "from dj_assets.operators.base import Mapper\n"
        "from dj_assets.operators.registry import register\n\n\n"
        "@register('test_killer_mapper')\nclass Killer(Mapper):\n"
        "    def apply(self, batch):\n"
        "        if 'some text 3' in batch.text.to_pylist():\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return batch\n"
    )
    recipe = load_recipe({"custom_operator_paths": [str(path)], "process": ["test_killer_mapper"]})
    with local_engine(Task(make_plan(recipe), ModelStore()), 2) as engine:
        with pytest.raises(WorkerDiedError, match=r"web\.jsonl: a worker process died .*SIGKILL.* rows .*6"):
            list(engine.measure_blocks("web.jsonl", iter(blocks(6))))


def test_workers_run_single_threaded(tmp_path):
    path = tmp_path / "threads.py"
    path.write_text(
        "import os\nimport pyarrow as pa\n"
        "from dj_assets.operators.base import Mapper\n"
        "from dj_assets.operators.registry import register\n\n\n"
        "@register('test_threads_mapper')\nclass Threads(Mapper):\n"
        "    def apply(self, batch):\n"
        "        said = f\"{os.environ.get('OMP_NUM_THREADS')} {pa.cpu_count()} {os.getpid()}\"\n"
        "        return batch.with_text(pa.array([said] * len(batch)))\n"
    )
    recipe = load_recipe({"custom_operator_paths": [str(path)], "process": ["test_threads_mapper"]})
    with local_engine(Task(make_plan(recipe), ModelStore()), 2) as engine:
        measured = list(engine.measure_blocks("f", iter(blocks(4))))
    said = [text.split() for block in measured for text in block.tables["cleaned"]["text"].to_pylist()]
    assert {(omp, arrow) for omp, arrow, _ in said} == {("1", "1")}
    assert str(os.getpid()) not in {pid for _, _, pid in said}
    assert signal.getsignal(signal.SIGINT) is not None
