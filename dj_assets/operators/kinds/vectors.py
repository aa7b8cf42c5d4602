"""Vectors of whole numbers whose inner products are exact, their clusters, and the near pairs within a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

# The length of every vector. Sums of products then stay below 2^24, so that a float32 holds each of them exactly, in
# whatever order and with however many threads they are added.
LENGTH = 4000
# Without a given number, about as many vectors are in a cluster.
USUAL_SIZE = 4096

_ROUNDS = 25
# Clusters are found with as many vectors for each.
_TRAINED_ON = 256
_ROWS = 1 << 14
_TILE = 1024


def whole_vectors(vectors: npt.NDArray[np.floating]) -> Int16s:
    """Return vectors in whole numbers, all of the length `LENGTH` but those without a direction, which are zeros.

    Parameters
    ----------
    vectors
        Shape `(n, d)`. Values that are not finite make a vector without a direction.
    """
    wide = vectors.astype(np.float64)
    wide[~np.isfinite(wide).all(axis=1)] = 0
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    unit = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    whole: Int16s = np.rint(unit * LENGTH).astype(np.int16)
    return whole


def clusters(vectors: Int16s, number: int, nearest: int = 1) -> Int64s:
    """Return the nearest clusters of every vector, by k-means with the cosine (spherical k-means).

    The first centres are vectors at equal distances in the given order, so the result depends on nothing but the
    vectors and their order.

    Parameters
    ----------
    vectors
        Shape `(n, d)`, as returned by `whole_vectors`.
    number
        The number of clusters, at least 1; some may stay empty.
    nearest
        How many clusters each vector is in, at least 1.

    Returns
    -------
    Shape `(n, k)`, the nearest cluster first; `k` is `nearest`, or the number of clusters where there are fewer.
    """
    if number == 1 or len(vectors) < 2:
        return np.zeros((len(vectors), 1), np.int64)
    number = min(number, len(vectors))
    chosen = np.linspace(0, len(vectors) - 1, min(len(vectors), number * _TRAINED_ON)).astype(np.int64)
    trained = vectors[chosen]
    centres = trained[np.linspace(0, len(trained) - 1, number).astype(np.int64)]
    before = np.full(len(trained), -1, np.int64)
    for _ in range(_ROUNDS):
        now = _nearest(trained, centres, 1)[:, 0]
        if np.array_equal(now, before):
            break
        before = now
        sums = np.zeros(centres.shape, np.int64)
        np.add.at(sums, now, trained.astype(np.int64))
        moved = whole_vectors(sums.astype(np.float64))
        # the centre of an empty cluster stays
        centres = np.where((np.bincount(now, minlength=number) > 0)[:, None], moved, centres).astype(np.int16)
    return _nearest(vectors, centres, min(nearest, number))


def near(vectors: Int16s, cluster: Int64s, least: float) -> Iterator[tuple[Int64s, Int64s, npt.NDArray[np.float64]]]:
    """Yield the pairs of vectors that share a cluster and whose cosine is at least `least`.

    A pair of indices `a < b`, with its cosine, is yielded once, whatever number of clusters it shares.

    Parameters
    ----------
    vectors
        Shape `(n, d)`.
    cluster
        The clusters of each vector, shape `(n, k)`, as returned by `clusters`.
    least
        The smallest cosine.
    """
    places = cluster.shape[1]
    order = np.argsort(cluster.ravel(), kind="stable") // places
    lengths = np.sqrt((vectors.astype(np.int64) ** 2).sum(axis=1).astype(np.float64))
    counts = np.bincount(cluster.ravel())
    for number, members in enumerate(np.split(order, np.cumsum(counts)[:-1])):
        for start in range(0, len(members), _TILE):
            rows = members[start : start + _TILE]
            for behind in range(start, len(members), _TILE):
                columns = members[behind : behind + _TILE]
                products = _floats(vectors[rows]) @ _floats(vectors[columns]).T
                cosines = products.astype(np.float64) / (lengths[rows][:, None] * lengths[columns])
                across, down = np.nonzero(cosines >= least)
                # members are in their order, so each pair has its smaller index first
                upper = rows[across] < columns[down]
                if places > 1:
                    upper &= _first_shared(cluster[rows[across]], cluster[columns[down]]) == number
                across, down = across[upper], down[upper]
                yield rows[across], columns[down], cosines[across, down]


def _first_shared(left: Int64s, right: Int64s) -> Int64s:
    """Return the smallest cluster that both vectors of each pair are in, shape `(pairs,)`; -1 where there is none."""
    none = np.iinfo(np.int64).max
    shared = np.where((left[:, :, None] == right[:, None, :]).any(axis=2), left, none).min(axis=1, initial=none)
    return np.where(shared == none, -1, shared)


def _nearest(vectors: Int16s, centres: Int16s, most: int) -> Int64s:
    """Return the `most` nearest centres of every vector, the nearest first, of equal ones the first."""
    wide, parts = _floats(centres).T, []
    for start in range(0, len(vectors), _ROWS):
        products = _floats(vectors[start : start + _ROWS]) @ wide
        if most == 1:
            parts.append(np.argmax(products, axis=1)[:, None])
        else:
            parts.append(np.argsort(-products, axis=1, kind="stable")[:, :most])
    return np.concatenate(parts).astype(np.int64)


def _floats(vectors: Int16s) -> Floats:
    return vectors.astype(np.float32)
