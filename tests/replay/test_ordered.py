from __future__ import annotations

import numpy as np
import pytest

from dj_assets.replay import ordered
from dj_assets.replay.ordered import distinct_sorted, indices_in


@pytest.mark.parametrize(
    "values", [[], [3], [3, 3], [7, 7, 7, 7, 7, 9], [1, 2, 3, 4, 4, 5], [2**64 - 1, 0, 5, 0, 5, 2**63]]
)
def test_distinct_values_in_order(values: list[int], monkeypatch) -> None:
    monkeypatch.setattr(ordered, "_CHUNK", 2)
    found = distinct_sorted(np.array(values, np.uint64))
    assert found.dtype == np.uint64
    assert found.tolist() == sorted(set(values))


def test_where_values_stand() -> None:
    found = indices_in(np.array([2, 5, 9], np.uint64), np.array([9, 1, 5, 10, 2, 9, 3], np.uint64))
    assert found.tolist() == [2, -1, 1, -1, 0, 2, -1]
    assert indices_in(np.empty(0, np.uint64), np.array([3, 4], np.uint64)).tolist() == [-1, -1]
