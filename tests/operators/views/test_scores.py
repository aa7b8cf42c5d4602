from __future__ import annotations

import pytest

from dj_assets.operators.views.scores import of_distinct, reduced


@pytest.mark.parametrize(("mode", "value"), [("avg", 2.0), ("max", 4.0), ("min", 0.5)])
def test_reduction(mode: str, value: float) -> None:
    assert reduced([1.5, 4.0, 0.5], mode) == value
    assert reduced([], mode) == 0.0


def test_distinct_paths_keep_their_first_place() -> None:
    assert of_distinct(["b", "a", "b"], [1, 2, 1]) == [1, 2]
