"""Repetition of character and word n-grams: exact, for a hash only proposes and the n-gram itself decides."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s
from dj_assets.kernels.code_points import decode
from dj_assets.kernels.jit import kernel

_BASE = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xBF58476D1CE4E5B9)


@kernel
def _same(sequence: Int32s, a: Int, b: Int, n: int) -> bool:
    i = 0
    while i < n and sequence[a + i] == sequence[b + i]:
        i += 1
    return i == n


@kernel
def _table_bits(entries: Int) -> int:
    """Return the binary logarithm of a table that `entries` fill to at most a half."""
    bits = 4
    while (1 << bits) < 2 * entries:
        bits += 1
    return bits


@kernel
def _count_ngrams(sequence: Int32s, n: int, table: Int32s, counts: Int32s) -> int:
    """Count the n-grams of a sequence at the place where each occurs first; other places get 0.

    Returns the number of n-grams, 0 where the sequence is shorter than one. `table` and `counts` are scratch space.
    """
    total = len(sequence) - n + 1
    if total <= 0:
        return 0
    bits = _table_bits(total)
    shift = np.uint64(64 - bits)
    mask = np.int64((1 << bits) - 1)
    table[: 1 << bits] = -1
    counts[:total] = 0
    leaving = np.uint64(1)
    rolling = np.uint64(0)
    for i in range(n):
        leaving = leaving * _BASE
        if i < n - 1:
            rolling = rolling * _BASE + np.uint64(sequence[i])
    for i in range(total):
        rolling = rolling * _BASE + np.uint64(sequence[i + n - 1])
        if i:
            rolling -= leaving * np.uint64(sequence[i - 1])
        slot = np.int64(((rolling ^ (rolling >> np.uint64(29))) * _SPREAD) >> shift)
        while table[slot] >= 0 and not _same(sequence, table[slot], i, n):
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = i
        counts[table[slot]] += 1
    return total


@kernel
def _top_share(counts: Int32s) -> float:
    """Return the share of the k most frequent n-grams, k = min(floor(sqrt(distinct)), number that repeat)."""
    distinct = repeating = largest = 0
    for count in counts:
        distinct += count > 0
        repeating += count > 1
        largest = max(largest, count)
    left = min(int(np.sqrt(distinct)), repeating)
    if not left:
        return 0.0
    having = np.zeros(largest + 1, np.int64)
    for count in counts:
        having[count] += 1
    covered = 0
    while left:
        taken = min(left, having[largest])
        covered += taken * largest
        left -= taken
        largest -= 1
    return covered / len(counts)


@kernel
def _repeated_share(counts: Int32s) -> float:
    """Return the share of n-grams that occur more than once."""
    repeated = 0
    for count in counts:
        if count > 1:
            repeated += count
    return repeated / len(counts)


@kernel
def character_repetition(data: Bytes, offsets: Int32s, n: int) -> Doubles:
    """Return the share of the most frequent character n-grams of every row, 0.0 where a row has none.

    Scratch space is 16 to 24 bytes per byte of the longest row.
    """
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, np.int64(offsets[row + 1]) - offsets[row])
    points = np.empty(longest, np.int32)
    counts = np.empty(longest, np.int32)
    table = np.empty(1 << _table_bits(longest), np.int32)
    out = np.zeros(len(offsets) - 1, np.float64)
    for row in range(len(out)):
        length = decode(data, offsets[row], offsets[row + 1], points)
        total = _count_ngrams(points[:length], n, table, counts)
        if total:
            out[row] = _top_share(counts[:total])
    return out


@kernel
def word_repetition(codes: Int32s, offsets: Int64s, n: int) -> Doubles:
    """Return the share of word n-grams that repeat in every row, 0.0 where a row has none.

    Row `i` has the words `codes[offsets[i]:offsets[i + 1]]`; equal codes are equal words.
    """
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    counts = np.empty(longest, np.int32)
    table = np.empty(1 << _table_bits(longest), np.int32)
    out = np.zeros(len(offsets) - 1, np.float64)
    for row in range(len(out)):
        total = _count_ngrams(codes[offsets[row] : offsets[row + 1]], n, table, counts)
        if total:
            out[row] = _repeated_share(counts[:total])
    return out
