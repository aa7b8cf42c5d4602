"""Blocks of samples with media are measured in parts, while the next part, or block, is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from dj_assets import settings
from dj_assets.errors import UnreadableFileError
from dj_assets.measure import media_stage
from dj_assets.measure.local import local_engine
from dj_assets.measure.row_stage import Measured, RowStage
from dj_assets.measure.work import Task
from dj_assets.media.request import Request
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.sources.readers import Block
from dj_assets.stores.media_reader import StoreReader
from tests.media import made

IMAGES_A_BLOCK = 5


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(settings, "MEDIA_IMAGES", 3)
    for number in range(2 * IMAGES_A_BLOCK):
        made.image(tmp_path / f"{number}.png", seed=number)
    return Task(make_plan(load_recipe({"process": ["image_shape_filter"]})), ModelStore())


def block(number: int) -> Block:
    images = range(number * IMAGES_A_BLOCK, (number + 1) * IMAGES_A_BLOCK)
    lines = [json.dumps({"text": "a", "images": [f"{image}.png"]}) for image in images]
    return Block(0, number * IMAGES_A_BLOCK, number * 100, "\n".join(lines).encode(), number)


def test_media_of_the_next_block_are_read_before_the_last_of_one_are_measured(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    read, run = StoreReader.read, RowStage.run

    def logged_read(self: StoreReader, requests: Sequence[Request]) -> Future[list[list[object]]]:
        events.append(" ".join(["read", *(Path(request.location.path).stem for request in requests)]))
        return read(self, requests)

    def logged_run(self: RowStage, plan: Plan) -> Measured:
        events.append(f"measure {len(self.batch)}")
        return run(self, plan)

    monkeypatch.setattr(StoreReader, "read", logged_read)
    monkeypatch.setattr(RowStage, "run", logged_run)
    with local_engine(task, 1) as engine:
        measured = list(engine.measure_blocks(str(tmp_path / "f.jsonl"), iter([block(0), block(1)])))
    widths = [block.tables["stats"]["image_width"].to_pylist() for block in measured]
    assert widths == [[[64]] * IMAGES_A_BLOCK] * 2
    first, second = ["read 0 1 2", "read 3 4"], ["read 5 6 7", "read 8 9"]
    assert events == [*first, "measure 3", second[0], "measure 2", second[1], "measure 3", "measure 2"]


def test_a_block_that_cannot_be_read_does_not_cost_the_one_before(task: Task, tmp_path: Path) -> None:
    def blocks() -> Any:
        yield block(0)
        raise UnreadableFileError("damaged behind the first block")

    with local_engine(task, 1) as engine:
        measured = engine.measure_blocks(str(tmp_path / "f.jsonl"), blocks())
        assert next(measured).summary.rows == IMAGES_A_BLOCK
        with pytest.raises(UnreadableFileError, match="damaged behind"):
            next(measured)


@pytest.mark.parametrize(
    ("weights", "ends"),
    [
        ([1] * 6, [3]),
        ([1] * 7, [3, 5]),
        ([1] * 3, []),
        ([], []),
        ([0] * 9, []),
        ([9, 1, 1], [1]),
        ([1, 1, 9], [2]),
        ([0, 3, 0, 3, 0], [2]),
        ([2, 2, 2], [1, 2]),
    ],
)
def test_parts_weigh_about_the_same_and_no_more_than_allowed(
    weights: list[int], ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MEDIA_IMAGES", 3)
    assert [*media_stage._ends(weights)] == ends
