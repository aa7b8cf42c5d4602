from __future__ import annotations

import numpy as np

from dj_assets.engine.clusters import NearPairs, SharedKeys, keepers


def pairs(*values: tuple[int, int]) -> NearPairs:
    return NearPairs(np.array([a for a, _ in values], np.uint64), np.array([b for _, b in values], np.uint64))


def test_the_first_of_equal_signatures_is_kept():
    assert keepers(np.array([7, 5, 7, 5, 9], np.uint64), NearPairs.none()).tolist() == [0, 1, 0, 1, 4]


def test_near_pairs_chain():
    assert keepers(np.array([30, 20, 10], np.uint64), pairs((10, 20), (20, 30))).tolist() == [0, 0, 0]


def test_a_chain_through_a_value_that_is_gone_does_not_unite():
    assert keepers(np.array([30, 10], np.uint64), pairs((10, 20), (20, 30))).tolist() == [0, 1]


def test_no_samples():
    assert keepers(np.array([], np.uint64), pairs((1, 2))).tolist() == []


def test_who_shares_a_key_is_united_with_the_living_only():
    shared = SharedKeys(4, np.array([0, 1, 1, 2, 2, 3]), np.array([5, 5, 6, 6, 7, 7], np.uint64))
    assert shared.keepers(np.arange(4)).tolist() == [0, 0, 0, 0]
    assert shared.keepers(np.array([0, 2, 3])).tolist() == [0, 2, 2]
    assert shared.keepers(np.array([], np.int64)).tolist() == []
    assert shared.holding((6, 99)).tolist() == [False, True, True, False]
