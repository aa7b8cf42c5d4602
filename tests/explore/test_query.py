from __future__ import annotations

import numpy as np
import pytest

from dj_assets.errors import UserError
from dj_assets.explore.query import Query, ordered, shuffled


@pytest.mark.parametrize("distinct", [1, 3, 50, 10_000])
def test_any_window_is_that_of_a_stable_sort(distinct):
    keys = np.random.default_rng(distinct).integers(0, distinct, 1000).astype(float)
    keys[::7] = np.inf
    whole = np.argsort(keys, kind="stable")
    for start, end in ((0, 1), (0, 50), (400, 460), (950, 1000), (999, 1000), (0, 1000)):
        assert ordered(keys, start, end).tolist() == whole[start:end].tolist()


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 1025])
def test_a_seed_puts_all_samples_into_one_order(size):
    whole = shuffled(size, 1, 0, size).tolist()
    assert sorted(whole) == list(range(size))
    assert shuffled(size, 1, size // 2, size).tolist() == whole[size // 2 :]
    assert size < 3 or shuffled(size, 2, 0, size).tolist() != whole != sorted(whole)


@pytest.mark.parametrize("asked", [{"kinds": "kept"}, {"ranges": {"x": 3}}, {"sqll": "1"}, [], {"moved": {"a": {}}}])
def test_what_is_no_query_is_one_clear_line(asked):
    with pytest.raises(UserError, match=r"^the query in the address: [^\n]+$"):
        Query.of(asked)
