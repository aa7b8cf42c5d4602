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
def _pairs_in_runs(values: UInt64s, agreed: np.uint64, masks: UInt64s, distance: int) -> tuple[UInt64s, UInt64s]:
    """Compare the values that agree in their highest bits, `agreed`; they stand beside each other."""
    a, b = np.empty(64, np.uint64), np.empty(64, np.uint64)
    found = start = wanted = 0
    for mask in masks:
        wanted += mask & agreed == mask
    for i in range(len(values)):
        if (values[i] ^ values[start]) & agreed:
            start = i
        for j in range(start, i):
            difference = values[i] ^ values[j]
            # a pair that agrees in more blocks than wanted turns up several times: only the first choice reports it
            if _bits_set(difference) > distance or _first_agreeing(difference, masks, wanted) != agreed:
                continue
            if found == len(a):
                a, b = np.concatenate((a, a)), np.concatenate((b, b))
            a[found], b[found] = values[i], values[j]
            found += 1
    return a[:found], b[:found]


@kernel
def _distances(a: UInt64s, b: UInt64s) -> Int32s:
    out = np.empty(len(a), np.int32)
    for i in range(len(a)):
        out[i] = _bits_set(a[i] ^ b[i])
    return out


def block_masks(blocks: int) -> UInt64s:
    """Return the bit masks of `blocks` adjacent blocks of nearly equal width, highest bits first."""
    edges = [BITS * block // blocks for block in range(blocks + 1)]
    masks = [((1 << (high - low)) - 1) << (BITS - high) for low, high in pairwise(edges)]
    return np.array(masks, np.uint64)


def _moves(masks: UInt64s, chosen: tuple[int, ...]) -> list[tuple[np.uint64, int]]:
    """Return for every block its mask and how far left it moves to bring the chosen blocks to the front."""
    order = [*chosen, *(block for block in range(len(masks)) if block not in chosen)]
    moves, low = {}, BITS
    for block in order:
        mask = int(masks[block])
        low -= mask.bit_count()
        moves[block] = (masks[block], low - ((mask & -mask).bit_length() - 1))
    return [moves[block] for block in range(len(masks))]


def _shifted(values: UInt64s, left: int) -> UInt64s:
    return values << np.uint64(left) if left >= 0 else values >> np.uint64(-left)


def _moved(values: UInt64s, moves: list[tuple[np.uint64, int]]) -> UInt64s:
    moved = np.zeros_like(values)
    for mask, left in moves:
        moved |= _shifted(values & mask, left)
    return moved


def near_pairs(values: UInt64s, distance: int, blocks: int) -> tuple[Int64s, Int64s, Int32s]:
    """Find all pairs of distinct values at most `distance` bits apart.

    Two such values agree in at least `blocks - distance` blocks. So for every choice of that many blocks the values
    are sorted with these blocks in front, and compared where they agree in them. `blocks` steers the time only: few
    large runs, or many sorts. Scratch space is 16 to 24 bytes a value, and 32 a pair.

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
    ends: tuple[list[UInt64s], list[UInt64s]] = ([], [])
    for chosen in combinations(range(blocks), blocks - distance):
        moves = _moves(masks, chosen)
        back = [(_moved(np.array([mask]), [(mask, left)])[0], -left) for mask, left in moves]
        moved = _moved(values, moves)
        moved.sort()
        places = np.array([mask for mask, _ in back], np.uint64)
        found = _pairs_in_runs(moved, np.bitwise_or.reduce(places[list(chosen)]), places, distance)
        for end, one in zip(ends, found, strict=True):
            end.append(_moved(one, back))
    one, other = (np.concatenate(end) for end in ends)
    low, high = np.minimum(one, other), np.maximum(one, other)
    by_pair = np.lexsort((high, low))
    low, high = low[by_pair], high[by_pair]
    return np.searchsorted(values, low), np.searchsorted(values, high), _distances(low, high)
