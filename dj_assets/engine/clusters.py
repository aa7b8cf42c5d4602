"""Clusters of duplicates: samples with equal, near or shared signatures, united; the first of each is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NearPairs:
    """Pairs of distinct signature values that count as duplicates, arrays of equal length."""

    a: np.ndarray
    b: np.ndarray

    @classmethod
    def none(cls) -> NearPairs:
        """Return no pairs."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.uint64))


@dataclass(frozen=True)
class SharedKeys:
    """Which samples hold which of the keys that more than one sample holds.

    `sample` are indices in (shard, row) order and `key` what they hold, sorted by key, then sample; `samples` counts
    all there are.
    """

    samples: int
    sample: np.ndarray
    key: np.ndarray

    def keepers(self, alive: np.ndarray) -> np.ndarray:
        """Return, for every living sample, the index of the sample its cluster keeps: the smallest of the cluster.

        Keys of the dead do not unite the living. `alive` are sorted indices, shape `(n,)`.
        """
        from dj_assets.kernels.components import components

        place = np.full(self.samples, -1, np.int64)
        place[alive] = np.arange(len(alive))
        holder = place[self.sample]
        living = holder >= 0
        holder, key = holder[living], self.key[living]
        # neighbours are enough: each group becomes a path
        same = key[1:] == key[:-1]
        kept: np.ndarray = alive[components(len(alive), holder[:-1][same], holder[1:][same])]
        return kept

    def holding(self, keys: tuple[int, ...]) -> np.ndarray:
        """Return which samples hold one of some keys, shape `(samples,)`."""
        found = np.zeros(self.samples, bool)
        found[self.sample[np.isin(self.key, np.array(keys, np.uint64))]] = True
        return found


Links = NearPairs | SharedKeys


def keepers(signatures: np.ndarray, near: NearPairs) -> np.ndarray:
    """Return, for every sample, the index of the sample its cluster keeps: the smallest of the cluster.

    Parameters
    ----------
    signatures
        One value a sample, in (shard, row) order, shape `(n,)`.
    near
        Pairs of values; those with a value that no sample has any more are left out, so that chains through dropped
        samples do not unite the living.
    """
    from dj_assets.kernels.components import components

    distinct, first, inverse = np.unique(signatures, return_index=True, return_inverse=True)
    a, b = _places(distinct, near.a), _places(distinct, near.b)
    alive = (a >= 0) & (b >= 0)
    labels = components(len(distinct), a[alive], b[alive])
    smallest = np.full(len(distinct), np.iinfo(np.int64).max)
    np.minimum.at(smallest, labels, first)
    kept: np.ndarray = smallest[labels[inverse]]
    return kept


def _places(distinct: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return where each value stands in the sorted `distinct`, -1 where it does not."""
    if not len(distinct):
        return np.full(len(values), -1, np.int64)
    places = np.searchsorted(distinct, values)
    found = distinct[np.minimum(places, len(distinct) - 1)] == values
    return np.where(found, places, -1)
