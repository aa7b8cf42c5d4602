"""All pairs of 64-bit signatures within a Hamming distance, exactly (block permutations, Manku et al. 2007)."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from dj_assets.kernels.arrays import Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import kernel

BITS = 64


@kernel
def _bits_set(value: np.uint64) -> Int:
    value = value - ((value >> np.uint64(1)) & np.uint64(0x5555555555555555))
    value = (value & np.uint64(0x3333333333333333)) + ((value >> np.uint64(2)) & np.uint64(0x3333333333333333))
    value = (value + (value >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((value * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def _first_agreeing(difference: np.uint64, masks: UInt64s, wanted: int) -> np.uint64:
    """Return the bits of the first `wanted` blocks in which two signatures agree."""
    bits = np.uint64(0)
    for mask in masks:
        if wanted and not difference & mask:
            bits |= mask
            wanted -= 1
    return bits


@kernel
def _pairs_in_runs(
    values: UInt64s, order: Int64s, agreed: np.uint64, masks: UInt64s, distance: int
) -> tuple[Int64s, Int64s, Int32s]:
    """Compare the values that agree in the bits `agreed`; they stand beside each other in `order`."""
    a, b = np.empty(64, np.int64), np.empty(64, np.int64)
    apart = np.empty(64, np.int32)
    found = start = wanted = 0
    for mask in masks:
        wanted += mask & agreed == mask
    for i in range(len(order)):
        if (values[order[i]] ^ values[order[start]]) & agreed:
            start = i
        for j in range(start, i):
            difference = values[order[i]] ^ values[order[j]]
            differing = _bits_set(difference)
            # a pair that agrees in more blocks than wanted turns up several times: only the first choice reports it
            if differing > distance or _first_agreeing(difference, masks, wanted) != agreed:
                continue
            if found == len(a):
                a, b = np.concatenate((a, a)), np.concatenate((b, b))
                apart = np.concatenate((apart, apart))
            a[found] = min(order[i], order[j])
            b[found] = max(order[i], order[j])
            apart[found] = differing
            found += 1
    return a[:found], b[:found], apart[:found]


def block_masks(blocks: int) -> UInt64s:
    """Return the bit masks of `blocks` adjacent blocks of nearly equal width, highest bits first."""
    edges = [BITS * block // blocks for block in range(blocks + 1)]
    masks = [((1 << (high - low)) - 1) << (BITS - high) for low, high in pairwise(edges)]
    return np.array(masks, np.uint64)


def near_pairs(values: UInt64s, distance: int, blocks: int) -> tuple[Int64s, Int64s, Int32s]:
    """Find all pairs of distinct values at most `distance` bits apart.

    Two such values agree in at least `blocks - distance` blocks, so for every choice of that many blocks the values
    are sorted by them and compared where they agree. `blocks` steers the time only: few large runs, or many sorts.

    Parameters
    ----------
    values
        Sorted distinct values, shape `(n,)`.
    distance, blocks
        `0 <= distance < blocks <= 64`.

    Returns
    -------
    Indices `a < b` and distances, each of shape `(pairs,)`, sorted by `(a, b)`, each pair once.
    """
    masks = block_masks(blocks)
    wanted = blocks - distance
    found = []
    for choice in combinations(range(blocks), wanted):
        agreed = np.bitwise_or.reduce(masks[list(choice)])
        order = np.argsort(values & agreed, kind="stable")
        found.append(_pairs_in_runs(values, order, agreed, masks, distance))
    a, b, apart = (np.concatenate(column) for column in zip(*found, strict=True))
    by_pair = np.lexsort((b, a))
    return a[by_pair], b[by_pair], apart[by_pair]
