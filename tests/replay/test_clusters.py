from __future__ import annotations

import numpy as np

from dj_assets.replay import clusters
from dj_assets.replay.clusters import Duplicates, NearPairs, SharedKeys, duplicates_by_value


def pairs(*values: tuple[int, int]) -> NearPairs:
    return NearPairs(np.array([a for a, _ in values], np.uint64), np.array([b for _, b in values], np.uint64))


def kept(found: Duplicates) -> dict[int, tuple[int, int]]:
    """Return keeper and cluster size of every duplicate."""
    columns = (found.sample.tolist(), found.kept_duplicate.tolist(), found.size.tolist())
    return {sample: (kept_duplicate, size) for sample, kept_duplicate, size in zip(*columns, strict=True)}


def by_value(values: list[int], near: NearPairs, dead: tuple[int, ...] = ()) -> dict[int, tuple[int, int]]:
    alive = ~np.isin(np.arange(len(values)), dead)
    return kept(duplicates_by_value(np.array(values, np.uint64), alive, near))


def test_the_first_of_equal_signatures_is_kept():
    assert by_value([7, 5, 7, 5, 9, 7], NearPairs.none()) == {2: (0, 3), 3: (1, 2), 5: (0, 3)}
    assert by_value([7, 5, 7, 5, 9, 7], NearPairs.none(), dead=(0, 1)) == {5: (2, 2)}


def test_near_pairs_chain():
    assert by_value([30, 20, 10], pairs((10, 20), (20, 30))) == {1: (0, 3), 2: (0, 3)}


def test_a_chain_through_a_value_that_is_gone_does_not_unite():
    assert by_value([30, 10], pairs((10, 20), (20, 30))) == {}
    assert by_value([30, 20, 10], pairs((10, 20), (20, 30)), dead=(1,)) == {}


def test_no_samples():
    assert by_value([], pairs((1, 2))) == {}


def test_samples_are_looked_up_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(clusters, "_CHUNK", 2)
    assert by_value([1, 2, 3, 2, 8, 9, 1], pairs((8, 9))) == {3: (1, 2), 5: (4, 2), 6: (0, 2)}


def test_who_shares_a_key_is_united_with_the_living_only():
    shared = SharedKeys(4, np.array([0, 1, 1, 2, 2, 3]), np.array([5, 5, 6, 6, 7, 7], np.uint64))
    assert kept(shared.duplicates(np.ones(4, bool))) == dict.fromkeys((1, 2, 3), (0, 4))
    assert kept(shared.duplicates(np.array([True, False, True, True]))) == {3: (2, 2)}
    assert kept(shared.duplicates(np.zeros(4, bool))) == {}
    assert shared.holding((6, 99)).tolist() == [1, 2]
