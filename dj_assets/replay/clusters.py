"""Clusters of duplicates: samples with equal, near or shared signatures; the first sample of each cluster is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dj_assets.replay.ordered import distinct_sorted, indices_in

# Number of samples that are processed at once.
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Duplicates:
    """Hold the samples that are dropped as duplicates, as arrays of equal length, sorted by `sample`.

    `kept_duplicate` is the first sample of the cluster, which is kept; `size` is the number of samples in the cluster.
    """

    sample: np.ndarray
    kept_duplicate: np.ndarray
    size: np.ndarray

    def __len__(self) -> int:
        return len(self.sample)

    @classmethod
    def of_components(cls, samples: np.ndarray, labels: np.ndarray) -> Duplicates:
        """Return the duplicates among sorted samples, given the component of each as a number from 0."""
        first = np.full(int(labels.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, labels, samples)
        sizes = np.bincount(labels, minlength=len(first))
        kept_duplicate = first[labels]
        dropped = kept_duplicate != samples
        return cls(samples[dropped], kept_duplicate[dropped], sizes[labels[dropped]].astype(np.int32))

    @classmethod
    def joined(cls, several: Sequence[Duplicates]) -> Duplicates:
        """Return the duplicates of several deduplicators together."""
        none = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int32))
        sample, kept_duplicate, size = (
            np.concatenate(arrays)
            for arrays in zip(
                none,
                *((duplicates.sample, duplicates.kept_duplicate, duplicates.size) for duplicates in several),
                strict=True,
            )
        )
        order = np.argsort(sample)
        return cls(sample[order], kept_duplicate[order], size[order])


@dataclass(frozen=True)
class NearPairs:
    """Hold pairs of distinct signature values that count as duplicates, as arrays of equal length."""

    a: np.ndarray
    b: np.ndarray

    @classmethod
    def none(cls) -> NearPairs:
        """Return no pairs."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.uint64))


@dataclass(frozen=True)
class SharedKeys:
    """Hold the keys that more than one sample has, with their samples.

    `sample` holds indices in (shard, row) order, `key` one key of each, sorted by key, then sample. `samples` is the
    number of all samples.
    """

    samples: int
    sample: np.ndarray
    key: np.ndarray

    def duplicates(self, alive: np.ndarray) -> Duplicates:
        """Return the duplicates among the samples of the mask `alive`; keys of other samples do not unite them."""
        from dj_assets.kernels.components import components

        living = alive[self.sample]
        holder, key = self.sample[living], self.key[living]
        held, index = np.unique(holder, return_inverse=True)
        # edges between neighbours are enough: each group becomes a path
        same = key[1:] == key[:-1]
        return Duplicates.of_components(held, components(len(held), index[:-1][same], index[1:][same]))

    def holding(self, keys: tuple[int, ...]) -> np.ndarray:
        """Return the samples that have at least one of the keys, sorted."""
        held: np.ndarray = np.unique(self.sample[np.isin(self.key, np.array(keys, np.uint64))])
        return held


Links = NearPairs | SharedKeys


def duplicates_by_value(signatures: np.ndarray, alive: np.ndarray, near: NearPairs) -> Duplicates:
    """Return the duplicates among the samples still alive, which have one signature each.

    Memory: a second array of the size of the signatures, and small arrays for the samples that have duplicates.

    Parameters
    ----------
    signatures
        One value per sample, in (shard, row) order, shape `(n,)`.
    alive
        Mask of the samples that take part; bool, shape `(n,)`.
    near
        Pairs of values. A pair with a value that no sample of `alive` has is ignored: chains through dropped samples
        do not unite the others.
    """
    from dj_assets.kernels.components import components

    linked, a, b = _linked(signatures[alive], near)
    samples, index = _members(signatures, alive, linked)
    return Duplicates.of_components(samples, components(len(linked), a, b)[index])


def _linked(values: np.ndarray, near: NearPairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sorted values that several samples have or that are near another, and the indices of near pairs there.

    `values` is sorted in place.
    """
    values.sort()
    again = distinct_sorted(values[1:][values[1:] == values[:-1]])
    both = (indices_in(values, near.a) >= 0) & (indices_in(values, near.b) >= 0)
    a, b = near.a[both], near.b[both]
    linked = distinct_sorted(np.concatenate((again, a.astype(again.dtype), b.astype(again.dtype))))
    return linked, np.searchsorted(linked, a), np.searchsorted(linked, b)


def _members(signatures: np.ndarray, alive: np.ndarray, linked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples of `alive` with a linked value, in order, and the index of each one's value."""
    samples, indices = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, len(signatures), _CHUNK):
        living = np.flatnonzero(alive[start : start + _CHUNK])
        index = indices_in(linked, signatures[start : start + _CHUNK][living])
        linked_here = index >= 0
        samples.append(start + living[linked_here])
        indices.append(index[linked_here])
    return np.concatenate(samples), np.concatenate(indices)
