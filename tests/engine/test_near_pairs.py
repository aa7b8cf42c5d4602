from __future__ import annotations

import numpy as np
import pytest

from dj_assets.engine import near_pairs
from dj_assets.engine.near_pairs import distinct_sorted


@pytest.mark.parametrize(
    "values", [[], [3], [3, 3], [7, 7, 7, 7, 7, 9], [1, 2, 3, 4, 4, 5], [2**64 - 1, 0, 5, 0, 5, 2**63]]
)
def test_distinct_values_in_order(values: list[int], monkeypatch) -> None:
    monkeypatch.setattr(near_pairs, "_CHUNK", 2)
    found = distinct_sorted(np.array(values, np.uint64))
    assert found.dtype == np.uint64
    assert found.tolist() == sorted(set(values))
