"""Find all pairs of 64-bit signatures within a Hamming distance, exactly (block permutations, Manku et al. 2007)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import comb, inf

import numpy as np

from dj_assets.kernels.arrays import Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import kernel

BITS = 64
# Up to this number of values, comparing all pairs is faster than grouping the values once more.
_FEW = 64
# Wider blocks would need more counters than fit into the processor's cache.
_WIDEST = 12
# The cost of grouping one value, measured in comparisons of two values.
_GROUPING = 30
# A part of the search may have up to this number of values,
_AT_ONCE = 1 << 22
# or up to all values divided by this number: each part reads all values to select its own.
_SHARE = 16

Pairs = tuple[UInt64s, UInt64s]


@kernel
def _bits_set(value: np.uint64) -> Int:
    value = value - ((value >> np.uint64(1)) & np.uint64(0x5555555555555555))
    value = (value & np.uint64(0x3333333333333333)) + ((value >> np.uint64(2)) & np.uint64(0x3333333333333333))
    value = (value + (value >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((value * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def _first_agreeing(difference: np.uint64, masks: UInt64s, wanted: Int) -> np.uint64:
    """Return the bits of the first `wanted` blocks in which two signatures agree."""
    bits = np.uint64(0)
    for mask in masks:
        if wanted and not difference & mask:
            bits |= mask
            wanted -= 1
    return bits


@kernel
def _compare(
    run: UInt64s, masks: UInt64s, distance: int, level: Int, agreed: np.uint64, a: UInt64s, b: UInt64s, count: Int
) -> Int:
    """Compare all pairs of values of a run; report those whose first `level` agreeing blocks are `agreed`."""
    for i in range(1, len(run)):
        near = 0
        for j in range(i):
            near += int(_bits_set(run[i] ^ run[j]) <= distance)
        if not near:
            continue
        for j in range(i):
            difference = run[i] ^ run[j]
            # a pair that also agrees in other blocks is found several times: only its first choice of blocks reports it
            if _bits_set(difference) <= distance and _first_agreeing(difference, masks, level) == agreed:
                if count < len(a):
                    a[count], b[count] = run[i], run[j]
                count += 1
    return count


@kernel
def _group(values: UInt64s, shift: np.uint64, width: Int, out: UInt64s, ends: Int64s) -> None:
    """Group values by the `width` bits at `shift`; write them to `out` and the end of every group to `ends`."""
    last = np.uint64((1 << width) - 1)
    ends[: (1 << width) + 1] = 0
    for value in values:
        ends[((value >> shift) & last) + np.uint64(1)] += 1
    for slot in range(1 << width):
        ends[slot + 1] += ends[slot]
    for value in values:
        slot = (value >> shift) & last
        out[ends[slot]] = value
        ends[slot] += 1


@kernel
def _pairs_of_run(
    run: UInt64s,
    masks: UInt64s,
    shifts: UInt64s,
    distance: int,
    first: int,
    room: UInt64s,
    counters: Int64s,
    a: UInt64s,
    b: UInt64s,
    count: Int,
) -> Int:
    """Find the pairs of a run of values that agree in block `first`; return their number so far, written or not.

    Runs are grouped by one block after another, until they agree in all required blocks or have few values. Each level
    keeps the run, the block by which it is grouped, the number of groups, and the next group.
    """
    wanted = len(masks) - distance
    if wanted == 1 or len(run) <= _FEW:
        return _compare(run, masks, distance, np.int64(1), masks[first], a, b, count)
    length, block, groups = np.zeros(wanted, np.int64), np.zeros(wanted, np.int64), np.zeros(wanted, np.int64)
    group, start, agreed = np.zeros(wanted, np.int64), np.zeros(wanted, np.int64), np.zeros(wanted, np.uint64)
    index = np.zeros(wanted, np.int64)
    level = 0
    length[0], block[0], agreed[0] = len(run), first, masks[first]
    while level >= 0:
        grouped = room[level, : length[level]]
        if group[level] == groups[level]:
            block[level] += 1
            if block[level] > distance + level + 1:
                level -= 1
                continue
            values = room[level - 1, index[level] : index[level] + length[level]] if level else run
            width = few = _bits_set(masks[block[level]])
            # reading a counter costs as much as reading a value; few values need only the first bits of a block
            while 1 << few > len(values):
                few -= 1
            _group(values, shifts[block[level]] + np.uint64(width - few), few, grouped, counters[level])
            groups[level], group[level], start[level] = 1 << few, 0, 0
        begin, end = start[level], counters[level, group[level]]
        group[level] += 1
        start[level] = end
        if end - begin < 2:
            continue
        now = agreed[level] | masks[block[level]]
        if level + 2 == wanted or end - begin <= _FEW:
            count = _compare(grouped[begin:end], masks, distance, level + 2, now, a, b, count)
            continue
        level += 1
        length[level], index[level], block[level], agreed[level] = end - begin, begin, block[level - 1], now
        groups[level] = group[level] = 0
    return count


@kernel
def _pairs_from(values: UInt64s, masks: UInt64s, shifts: UInt64s, distance: int, first: int) -> Pairs:
    """Return the pairs among the given values whose first agreeing block is `first`."""
    grouped, ends = np.empty(len(values), np.uint64), np.empty((1 << _WIDEST) + 1, np.int64)
    width = _bits_set(masks[first])
    _group(values, shifts[first], width, grouped, ends)
    longest = start = 0
    for end in ends[: 1 << width]:
        longest, start = max(longest, end - start), end
    room = np.empty((len(masks) - distance, longest), np.uint64)
    counters = np.empty((len(masks) - distance, len(ends)), np.int64)
    a, b = np.empty(64, np.uint64), np.empty(64, np.uint64)
    count: Int = np.int64(0)
    start = 0
    for end in ends[: 1 << width]:
        more = count
        while end - start > 1:
            more = _pairs_of_run(grouped[start:end], masks, shifts, distance, first, room, counters, a, b, count)
            if more <= len(a):
                break
            wider = np.empty(2 * more, np.uint64), np.empty(2 * more, np.uint64)
            wider[0][:count], wider[1][:count] = a[:count], b[:count]
            a, b = wider
        count, start = more, end
    return a[:count], b[:count]


@kernel
def _chosen(values: UInt64s, shift: np.uint64, last: np.uint64, part: np.uint64) -> UInt64s:
    """Return the values whose bits at `shift` equal `part`."""
    count = 0
    for value in values:
        count += (value >> shift) & last == part
    chosen = np.empty(count, np.uint64)
    count = 0
    for value in values:
        if (value >> shift) & last == part:
            chosen[count] = value
            count += 1
    return chosen


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


@dataclass(frozen=True)
class Search:
    """Search all pairs at most `distance` bits apart among `count` distinct values.

    Values are cut into `blocks`. Two near values agree in all but at most `distance` blocks. So for every choice of
    blocks, the values are grouped by one block after another, and values of small groups are compared. The number of
    blocks changes the time only: with few blocks, many values agree by chance; with many blocks, there are many
    groupings. The search consists of independent parts: a part has the pairs whose first agreeing block is the same and
    starts with the same bits.
    """

    distance: int
    blocks: int
    bits: int

    @classmethod
    def of(cls, count: int, distance: int, at_once: int) -> Search:
        """Return the fastest search; each part has at most about `at_once` values if the values are random."""
        fewest = min(BITS, max(distance + 1, -(-BITS // _WIDEST)))
        blocks = min(range(fewest, BITS + 1), key=lambda blocks: _cost(count, distance, blocks))
        return cls(distance, blocks, min(BITS // blocks, max(0, (count - 1) // at_once).bit_length()))

    @cached_property
    def _masks(self) -> UInt64s:
        return block_masks(self.blocks)

    @cached_property
    def _shifts(self) -> UInt64s:
        return np.array([(int(mask) & -int(mask)).bit_length() - 1 for mask in self._masks], np.uint64)

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """Return the parts: the first agreeing block of a pair, and the number that it starts with."""
        firsts = range(self.distance + 1) if self.distance else ()
        return tuple((first, start) for first in firsts for start in range(1 << self.bits))

    def starts(self, values: UInt64s, first: int) -> UInt64s:
        """Return the number that a block of every value starts with; it identifies the part of the value."""
        starts: UInt64s = (values & self._masks[first]) >> self._shift(first)
        return starts

    def _shift(self, first: int) -> np.uint64:
        mask = int(self._masks[first])
        return np.uint64(mask.bit_length() - self.bits)

    def chosen(self, values: UInt64s, first: int, start: int) -> UInt64s:
        """Return the values that belong to a part."""
        if not self.bits:
            return values
        return _chosen(values, self._shift(first), np.uint64((1 << self.bits) - 1), np.uint64(start))

    def pairs(self, values: UInt64s, first: int) -> Pairs:
        """Return the pairs of a part, given all of its values, which are distinct and in any order."""
        return _pairs_from(values, self._masks, self._shifts, self.distance, first)


def _cost(count: int, distance: int, blocks: int) -> float:
    """Estimate the comparisons of two values that a search among random values takes, per value."""
    cost = 0.0
    for level in range(1, blocks - distance + 1):
        choices = comb(distance + level, level)
        cost += _GROUPING * choices
        together = count / 2 ** (BITS * level / blocks)
        if together <= _FEW or level == blocks - distance:
            return cost + choices * together / 2
    return inf


def near_pairs(values: UInt64s, distance: int, threads: int = 1) -> tuple[UInt64s, UInt64s, Int32s]:
    """Find all pairs of distinct values at most `distance` bits apart.

    In addition to values and pairs, it takes one byte per value for each thread, at least 64 MB.

    Parameters
    ----------
    values
        Distinct values, shape `(n,)`.
    distance
        `0 <= distance < 64`.

    Returns
    -------
    Values `a < b` and their distances, each of shape `(pairs,)`, sorted by `(a, b)`, each pair once.
    """
    search = Search.of(len(values), distance, max(_AT_ONCE, len(values) // _SHARE))
    with ThreadPoolExecutor(threads, thread_name_prefix="near-pairs") as pool:
        pairs = pool.map(lambda part: search.pairs(search.chosen(values, *part), part[0]), search.parts)
        return sorted_pairs(pairs)


def sorted_pairs(pairs: Iterator[Pairs]) -> tuple[UInt64s, UInt64s, Int32s]:
    """Return the pairs of several parts in the form of `near_pairs`."""
    none = np.empty(0, np.uint64)
    left, right = (np.concatenate(ends) for ends in zip((none, none), *pairs, strict=True))
    low, high = np.minimum(left, right), np.maximum(left, right)
    by_pair = np.lexsort((high, low))
    low, high = low[by_pair], high[by_pair]
    return low, high, _distances(low, high)
