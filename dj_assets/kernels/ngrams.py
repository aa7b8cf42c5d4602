"""Count repeated character and word n-grams exactly: hashes propose matches, the n-grams themselves decide."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import kernel, uncounted, unfolded
from dj_assets.kernels.unaligned import eight_bytes

_BASE = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xBF58476D1CE4E5B9)
_COUNT = np.uint64(1 << 32)
_POSITION = np.uint64((1 << 32) - 1)

# The largest table, in bits. More n-grams than half of its entries are counted in parts, by the range of their hashes.
TABLE_BITS = 23
# N-grams of up to this number of characters are hashed one by one, longer ones and those of words by what changes.
SHORT = 16
# The length of the longest character, in bytes.
WIDEST = 4
# N-grams that occur at least this often are counted by a walk over the table.
OFTEN = 1 << 14

Sequence = Bytes | Int32s


# The start of the next n-gram, the start of its last character, the hash of the elements between, and the n-grams so
# far.
Cursor = tuple[Int, Int, np.uint64, Int]
# The number of n-grams that are hashed before any of them is looked up.
QUEUE_SIZE = 64


class NgramQueue(NamedTuple):
    """Hold the start, the end and the slot in the table of some n-grams; shape `(SOME + 1,)` each."""

    starts: Int64s
    ends: Int64s
    slots: UInt64s


class NgramCounts(NamedTuple):
    """Hold the counts of n-grams, and the number of n-grams with each count.

    An entry of `table` is the count of an n-gram in its upper half and its last position in the lower half. Positions
    begin at `past[0] + 1`: an entry with a lower one is empty, so the table needs no clearing. `having[c]` n-grams
    occur `c` times. `often` has the counts of those that occur `OFTEN` times or more. `known` has the number of these,
    the largest count below `OFTEN`, and the number of such entries in the table. `match` has the distance of the last
    two equal n-grams, and where the later one ends. The elements before that end are not compared again: long n-grams
    of a text that repeats itself would take the product of both lengths.
    """

    table: UInt64s
    powers: UInt64s
    having: Int64s
    often: Int64s
    known: Int64s
    match: Int64s
    past: Int64s
    queue: NgramQueue


@kernel
def _table_bits(entries: Int) -> int:
    """Return the binary logarithm of the size of a table that `entries` fill to at most a half."""
    bits = 9
    while (1 << bits) < 2 * entries:
        bits += 1
    return bits


@kernel
def _room(longest: Int, n: int, width: int, table_bits: int) -> NgramCounts:
    """Return counters for the n-grams of at most `longest` elements; a character has at most `width` elements."""
    powers = np.ones(n * width + 1, np.uint64)
    for i in range(1, len(powers)):
        powers[i] = powers[i - 1] * _BASE
    table = np.zeros(1 << min(_table_bits(longest), table_bits), np.uint64)
    often = np.empty(longest // OFTEN + 1, np.int64)
    queue = NgramQueue(
        np.empty(QUEUE_SIZE + 1, np.int64), np.empty(QUEUE_SIZE + 1, np.int64), np.empty(QUEUE_SIZE + 1, np.uint64)
    )
    having, known, match = np.zeros(OFTEN, np.int64), np.zeros(3, np.int64), np.zeros(2, np.int64)
    return NgramCounts(table, powers, having, often, known, match, np.zeros(1, np.int64), queue)


@unfolded
def _next(sequence: Sequence, i: Int, end: Int, widest: int) -> Int:
    """Return the start of the character after the one at `i`."""
    i += 1
    while widest > 1 and i < end and sequence[i] & 0xC0 == 0x80:
        i += 1
    return i


@unfolded
def _same(sequence: Sequence, a: Int, b: Int, length: Int, match: Int64s) -> bool:
    """Return whether the n-gram at b is that at a, before it; elements that are known to be equal are skipped."""
    i = max(b, match[1]) if match[0] == b - a else b
    end = b + length
    step = 8 // sequence.itemsize
    while i + step <= end and eight_bytes(sequence, i - (b - a)) == eight_bytes(sequence, i):
        i += step
    while i < end and sequence[i - (b - a)] == sequence[i]:
        i += 1
    if i < end:
        return False
    match[0], match[1] = b - a, i
    return True


@unfolded
def _count(
    sequence: Sequence, i: Int, length: Int, start: np.uint64, counts: NgramCounts, mask: np.uint64, past: Int
) -> bool:
    """Count the n-gram of `length` elements at `i`; return whether it is a new one."""
    slot = start
    while True:
        entry = counts.table[slot]
        before = np.int64(entry & _POSITION) - past - 1
        if before < 0:
            break
        if _same(sequence, before, i, length, counts.match):
            counts.table[slot] = (entry & ~_POSITION) + _COUNT | np.uint64(past + i + 1)
            count = np.int64(entry >> np.uint64(32))
            if count < OFTEN:
                counts.having[count] -= 1
            if count + 1 < OFTEN:
                counts.having[count + 1] += 1
                counts.known[1] = max(counts.known[1], count + 1)
            counts.known[2] += count + 1 == OFTEN
            return False
        slot = (slot + np.uint64(1)) & mask
    counts.table[slot] = _COUNT | np.uint64(past + i + 1)
    counts.having[1] += 1
    return True


@unfolded
def _hash(sequence: Sequence, first: Int, end: Int) -> np.uint64:
    """Return the hash of a short n-gram of characters, from eight bytes at a time."""
    code = np.uint64(0)
    if end - first < 8:
        for k in range(first, end):
            code = (code ^ np.uint64(sequence[k])) * _BASE
        return code
    for k in range(first, end - 8, 8):
        code = (code ^ eight_bytes(sequence, k)) * _BASE
        code ^= code >> np.uint64(32)
    return (code ^ eight_bytes(sequence, end - 8)) * _BASE


@unfolded
def _mixed(code: np.uint64) -> np.uint64:
    """Return a hash whose upper bits depend on all bits of another."""
    return (code ^ (code >> np.uint64(29))) * _SPREAD


@uncounted
def _hash_ascii(sequence: Sequence, n: int, at: Cursor, bits: int, counts: NgramCounts) -> tuple[Cursor, Int]:
    """Hash n-grams of 8 to 16 ASCII characters: where one begins and ends needs no search; return as `_hash_queue`."""
    first, total = at[0], at[3]
    starts, ends, slots = counts.queue
    count = min(QUEUE_SIZE, len(sequence) - n + 1 - first)
    for k in range(count):
        starts[k], ends[k] = first + k, first + k + n
        slots[k] = _mixed(_hash(sequence, first + k, first + k + n)) >> np.uint64(64 - bits)
    return (first + count, first + count + n - 1, np.uint64(0), total + count), count


@uncounted
def _hash_queue(
    sequence: Sequence, n: int, widest: int, at: Cursor, bits: int, parts: Int, part: np.uint64, counts: NgramCounts
) -> tuple[Cursor, Int]:
    """Hash n-grams until `QUEUE_SIZE` of them belong to the part; return where to continue, and the number of them."""
    size, count = len(sequence), 0
    queue, powers = counts.queue, counts.powers
    rolls = widest == 1 or n > SHORT
    first, end, rolling, total = at
    while end < size and count < QUEUE_SIZE:
        after = _next(sequence, end, size, widest)
        if rolls:
            for k in range(end, after):
                rolling = rolling * _BASE + np.uint64(sequence[k])
        code = rolling if rolls else _hash(sequence, first, after)
        end = after
        mixed = _mixed(code)
        queue.slots[count] = (mixed << np.uint64(parts)) >> np.uint64(64 - bits)
        queue.starts[count], queue.ends[count] = first, end
        # an n-gram of another part is overwritten by the next one
        count += not parts or mixed >> np.uint64(64 - parts) == part
        total += 1
        second = _next(sequence, first, size, widest)
        if rolls:
            for k in range(first, second):
                rolling -= powers[end - k - 1] * np.uint64(sequence[k])
        first = second
    return (first, end, rolling, total), count


@unfolded
def _is_ascii(sequence: Sequence) -> bool:
    bits = np.uint8(0)
    for element in sequence:
        bits |= np.uint8(element)
    return bool(bits < 128)


@uncounted
def _touch(sequence: Sequence, counts: NgramCounts, count: Int, past: Int) -> np.uint64:
    """Load the memory that a block of n-grams needs into the processor's cache; the return value has no meaning."""
    met = np.uint64(0)
    for i in range(count):
        before = np.int64(counts.table[counts.queue.slots[i]] & _POSITION) - past - 1
        met += np.uint64(sequence[max(before, np.int64(0))])
    return met


@uncounted
def _count_part(
    sequence: Sequence, n: int, widest: int, bits: int, parts: Int, part: np.uint64, counts: NgramCounts
) -> Int:
    """Count the n-grams whose hashes begin with `part`, of `parts` binary digits; return the number of all n-grams.

    Return -1 if the table gets too full, which only n-grams constructed for this purpose can cause.
    """
    mask = np.uint64((1 << bits) - 1)
    if counts.past[0] + len(sequence) >= np.int64(_POSITION):
        counts.table[:] = 0
        counts.past[0] = 0
    past = counts.past[0]
    counts.past[0] += len(sequence)
    counts.match[:] = 0
    left = (1 << bits) - (1 << bits - 3)
    end: Int = 0
    rolling = np.uint64(0)
    for _ in range(n - 1):
        after = _next(sequence, end, len(sequence), widest) if end < len(sequence) else end
        for k in range(end, after):
            rolling = rolling * _BASE + np.uint64(sequence[k])
        end = after
    at: Cursor = (np.int64(0), np.int64(end), rolling, np.int64(0))
    ascii_only = widest > 1 and 8 <= n <= 16 and not parts and _is_ascii(sequence)
    while at[1] < len(sequence):
        if ascii_only:
            at, count = _hash_ascii(sequence, n, at, bits, counts)
        else:
            at, count = _hash_queue(sequence, n, widest, at, bits, parts, part, counts)
        _touch(sequence, counts, count, past)
        for i in range(count):
            start = counts.queue.starts[i]
            left -= _count(sequence, start, counts.queue.ends[i] - start, counts.queue.slots[i], counts, mask, past)
        if left < QUEUE_SIZE:
            return -1
    return at[3]


@uncounted
def _find_often(counts: NgramCounts, bits: int, past: Int) -> None:
    """Collect the counts of those n-grams in the table that occur often."""
    counts.known[2] = 0
    for slot in range(1 << bits):
        count = np.int64(counts.table[slot] >> np.uint64(32))
        if count >= OFTEN and np.int64(counts.table[slot] & _POSITION) > past:
            counts.often[counts.known[0]] = count
            counts.known[0] += 1


@uncounted
def _count_parts(sequence: Sequence, n: int, widest: int, bits: int, parts: Int, counts: NgramCounts) -> Int:
    """Count the n-grams of a sequence, part by part; return their number, -1 if a part was too large."""
    total: Int = 0
    counts.having[: counts.known[1] + 2] = 0
    counts.known[:] = 0
    for part in range(1 << parts):
        total = _count_part(sequence, n, widest, bits, parts, np.uint64(part), counts)
        if total < 0:
            break
        if counts.known[2]:
            _find_often(counts, bits, counts.past[0] - len(sequence))
    return total


@kernel
def _count_ngrams(sequence: Sequence, n: int, widest: int, counts: NgramCounts) -> Int:
    """Count the n-grams of a sequence; return their number, 0 if the sequence is shorter than one n-gram."""
    bits, most = _table_bits(len(sequence)), _table_bits(len(counts.table) // 2)
    total = _count_parts(sequence, n, widest, min(bits, most), max(bits - most, 0), counts)
    if total >= 0:
        return total
    larger = NgramCounts(
        np.zeros(1 << bits, np.uint64),
        counts.powers,
        counts.having,
        counts.often,
        counts.known,
        counts.match,
        np.zeros(1, np.int64),
        counts.queue,
    )
    return _count_parts(sequence, n, widest, bits, np.int64(0), larger)


@kernel
def _top_share(counts: NgramCounts, total: Int) -> float:
    """Return the share of the k most frequent n-grams, k = min(floor(sqrt(distinct)), n-grams that repeat)."""
    often, largest = counts.known[0], counts.known[1]
    repeating = often + counts.having[2 : largest + 1].sum()
    left = min(int(np.sqrt(repeating + counts.having[1])), repeating)
    sorted_counts = np.sort(counts.often[:often])
    taken = min(left, often)
    covered = sorted_counts[often - taken :].sum()
    left -= taken
    while left:
        taken = min(left, counts.having[largest])
        covered += taken * largest
        left -= taken
        largest -= 1
    return float(covered / total)


@kernel
def character_repetition(data: Bytes, offsets: Int32s, n: int, table_bits: int = TABLE_BITS) -> Doubles:
    """Return the share of the most frequent character n-grams of every row, 0.0 if a row has none.

    Scratch space is 16 to 32 bytes per byte of the longest row, but at most 8 for each of `2**table_bits` entries.
    """
    longest = np.int64(0)
    for row in range(len(offsets) - 1):
        longest = max(longest, np.int64(offsets[row + 1]) - offsets[row])
    counts = _room(longest, n, WIDEST, table_bits)
    out = np.zeros(len(offsets) - 1, np.float64)
    for row in range(len(out)):
        total = _count_ngrams(data[offsets[row] : offsets[row + 1]], n, WIDEST, counts)
        if total:
            out[row] = _top_share(counts, total)
    return out


@kernel
def word_repetition(codes: Int32s, offsets: Int64s, n: int, table_bits: int = TABLE_BITS) -> Doubles:
    """Return the share of repeated word n-grams of every row, 0.0 if a row has none.

    Row `i` has the words `codes[offsets[i]:offsets[i + 1]]`; equal codes mean equal words. Scratch space is that of
    `character_repetition`, with words instead of bytes.
    """
    longest = np.int64(0)
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    counts = _room(longest, n, 1, table_bits)
    out = np.zeros(len(offsets) - 1, np.float64)
    for row in range(len(out)):
        total = _count_ngrams(codes[offsets[row] : offsets[row + 1]], n, 1, counts)
        if total:
            out[row] = (total - counts.having[1]) / total
    return out
