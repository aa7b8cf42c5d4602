from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.measure.row_stage import RowStage
from dj_assets.operators.base import Deduplicator, Mapper, RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import make_plan


class Upper(Mapper):
    name = "upper"

    def apply(self, batch):
        return batch.with_text(pc.utf8_upper(batch.text))


class Length(RangeFilter):
    name = "length"
    bounds = ("min_len", "max_len")
    statistics = (Statistic("len", pa.int64()),)

    min_len: int | None = None
    max_len: int | None = None
    fails_for: str = "!"

    def measure(self, batch):
        if any(self.fails_for in text for text in batch.text.to_pylist()):
            raise ValueError(f"no {self.fails_for} please")
        return {"len": pc.utf8_length(batch.text)}


class First(Deduplicator):
    name = "first"

    def sign(self, batch):
        return pa.array([ord(text[0]) if text else None for text in batch.text.to_pylist()], pa.uint64())


def run(texts, *operators):
    return RowStage(Batch.of_texts(texts)).run(make_plan(Recipe("<dict>", tuple(operators))))


def test_every_operator_sees_the_text_of_its_place():
    measured = run(["a", "bb"], First(), Length(), Upper(), First())
    assert measured.text.to_pylist() == ["A", "BB"]
    assert measured.signatures["first_0"].to_pylist() == [97, 98]
    assert measured.signatures["first_2_3"].to_pylist() == [65, 66]
    assert measured.statistics["len"].to_pylist() == [1, 2]


def test_one_bad_sample_loses_nobody_else():
    texts = ["one", "two!", "three", "four!", "five"]
    measured = run(texts, Upper(), Length(), Upper(), First())
    assert measured.statistics["len"].to_pylist() == [3, None, 5, None, 4]
    assert measured.signatures["first_3"].to_pylist() == [79, None, 84, None, 70]
    assert measured.failed_at.to_pylist() == [None, 1, None, 1, None]
    assert measured.text.to_pylist() == ["ONE", "TWO!", "THREE", "FOUR!", "FIVE"]
    assert [(f.index, f.step, f.error) for f in sorted(measured.failures, key=lambda f: f.index)] == [
        (1, 1, "ValueError: no ! please"),
        (3, 1, "ValueError: no ! please"),
    ]


def test_failures_at_several_steps_keep_their_places():
    measured = run(["a!", "b?", "c"], Length(), Length(fails_for="?"), First())
    assert measured.failed_at.to_pylist() == [0, 1, None]
    assert measured.statistics["len"].to_pylist() == [None, 2, 1]
    assert measured.statistics["len_2"].to_pylist() == [None, None, 1]


def test_every_sample_failing_leaves_an_empty_pass():
    measured = run(["a!", "b!"], Length(), Upper(), First())
    assert measured.failed_at.to_pylist() == [0, 0]
    assert measured.text.to_pylist() == ["a!", "b!"]
    assert measured.signatures["first_2"].to_pylist() == [None, None]


def test_two_filters_that_measure_the_same_measure_once():
    calls = []

    class Counting(Length):
        name = "counting"

        def measure(self, batch):
            calls.append(len(batch))
            return super().measure(batch)

    measured = run(["a", "bb"], Counting(min_len=1), Counting(min_len=2), Upper(), Counting())
    assert calls == [2, 2]
    assert measured.statistics["len_2"].to_pylist() == [1, 2]


def test_an_empty_batch():
    measured = run([], Upper(), Length(), First())
    assert len(measured.text) == 0
    assert measured.statistics["len"].type == pa.int64()
