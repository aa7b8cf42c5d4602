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


def clusters(vectors: Int16s, number: int) -> Int64s:
    """Return the cluster of every vector, by k-means with the cosine (spherical k-means), shape `(n,)`.

    The first centres are vectors at equal distances in the given order, so the result depends on nothing but the
    vectors and their order.

    Parameters
    ----------
    vectors
        Shape `(n, d)`, as returned by `whole_vectors`.
    number
        The number of clusters, at least 1; some may stay empty.
    """
    if number == 1 or len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    number = min(number, len(vectors))
    chosen = np.linspace(0, len(vectors) - 1, min(len(vectors), number * _TRAINED_ON)).astype(np.int64)
    trained = vectors[chosen]
    centres = trained[np.linspace(0, len(trained) - 1, number).astype(np.int64)]
    before = np.full(len(trained), -1, np.int64)
    for _ in range(_ROUNDS):
        nearest = _nearest(trained, centres)
        if np.array_equal(nearest, before):
            break
        before = nearest
        sums = np.zeros(centres.shape, np.int64)
        np.add.at(sums, nearest, trained.astype(np.int64))
        moved = whole_vectors(sums.astype(np.float64))
        # the centre of an empty cluster stays
        centres = np.where((np.bincount(nearest, minlength=number) > 0)[:, None], moved, centres).astype(np.int16)
    return _nearest(vectors, centres)


def near(vectors: Int16s, cluster: Int64s, least: float) -> Iterator[tuple[Int64s, Int64s, npt.NDArray[np.float64]]]:
    """Yield the pairs of vectors of one cluster whose cosine is at least `least`: indices `a < b`, and the cosine."""
    order = np.argsort(cluster, kind="stable")
    lengths = np.sqrt((vectors.astype(np.int64) ** 2).sum(axis=1).astype(np.float64))
    ends = np.cumsum(np.bincount(cluster))
    for members in np.split(order, ends[:-1]):
        for start in range(0, len(members), _TILE):
            rows = members[start : start + _TILE]
            for behind in range(start, len(members), _TILE):
                columns = members[behind : behind + _TILE]
                products = _floats(vectors[rows]) @ _floats(vectors[columns]).T
                cosines = products.astype(np.float64) / (lengths[rows][:, None] * lengths[columns])
                across, down = np.nonzero(cosines >= least)
                # members are in their order, so each pair has its smaller index first
                upper = rows[across] < columns[down]
                across, down = across[upper], down[upper]
                yield rows[across], columns[down], cosines[across, down]


def _nearest(vectors: Int16s, centres: Int16s) -> Int64s:
    wide = _floats(centres).T
    parts = [
        np.argmax(_floats(vectors[start : start + _ROWS]) @ wide, axis=1) for start in range(0, len(vectors), _ROWS)
    ]
    return np.concatenate(parts).astype(np.int64)


def _floats(vectors: Int16s) -> Floats:
    return vectors.astype(np.float32)
