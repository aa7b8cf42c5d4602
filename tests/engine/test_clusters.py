from __future__ import annotations

import numpy as np

from dj_assets.engine.clusters import NearPairs, keepers


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
