"""A bounded cache of the rows of words, verified by the bytes of the words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import uncounted, unfolded

# Longer words are rare and not cached. A length fits into the lower byte of a record's head.
LONGEST_REMEMBERED = 62
# Rows are copied in blocks of this number: most words have no more, and a fixed number needs no branch prediction.
COPIED = 8


class Memo(NamedTuple):
    """Bounded cache of the rows of the words met so far: when it is full, all records are dropped.

    `slots` is an open hash table: 0 where empty, else the hash in the upper half and the position of the record in the
    lower. A record in `pool` is its head (length of the word, 256 times the number of rows), the bytes of the word, and
    the rows. `letters` are the bytes of `pool`; `used` counts the records and the numbers they take.
    """

    slots: UInt64s
    pool: Int32s
    letters: Bytes
    used: Int64s


def new_memo(words: int = 1 << 19) -> Memo:
    """Return an empty cache for up to `words` words, about 64 bytes each."""
    pool = np.zeros(12 * words + COPIED, np.int32)
    return Memo(np.zeros(2 * words, np.uint64), pool, pool.view(np.uint8), np.array([0, 1]))


@unfolded
def equal(a: Bytes, a_start: Int, b: Bytes, b_start: Int, length: Int) -> bool:
    """Return whether two slices are equal."""
    i = 0
    while i < length and a[a_start + i] == b[b_start + i]:
        i += 1
    return i == length


@unfolded
def _slot(code: np.uint32, slots: UInt64s) -> np.uint64:
    return np.uint64(code ^ (code >> np.uint32(15))) & np.uint64(len(slots) - 1)


@uncounted
def touch(memo: Memo, codes: npt.NDArray[np.uint32], codes_seen: UInt64s) -> np.int32:
    """Load the records of words into the processor's cache at once: one by one, they would each wait for memory.

    `codes_seen` is scratch space, one value per code. The return value has no meaning.
    """
    for i in range(len(codes)):
        codes_seen[i] = memo.slots[_slot(codes[i], memo.slots)] & np.uint64(0xFFFFFFFF)
    met = np.int32(0)
    for i in range(len(codes)):
        met ^= memo.pool[codes_seen[i]]
    return met


@unfolded
def record(memo: Memo, data: Bytes, start: Int, length: Int, code: np.uint32) -> Int:
    """Return the position of the record of a word in the cache, 0 if there is none."""
    slots = memo.slots
    slot = _slot(code, slots)
    while slots[slot]:
        if slots[slot] >> np.uint64(32) == code:
            head = np.int64(slots[slot] & np.uint64(0xFFFFFFFF))
            if memo.pool[head] & 255 == length and equal(memo.letters, 4 * (head + 1), data, start, length):
                return head
        slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
    return 0


@unfolded
def copy_rows(memo: Memo, head: Int, rows: Int32s, at: Int) -> Int:
    """Write the rows of a record, and possibly more that do not count, to `rows[at:]`; return the number of rows."""
    begin = np.uint64(head + 1 + ((memo.pool[head] & 255) + 3) // 4)
    count = memo.pool[head] >> 8
    for first in range(np.uint64(0), np.uint64(count), np.uint64(COPIED)):
        for i in range(np.uint64(COPIED)):
            rows[np.uint64(at) + first + i] = memo.pool[begin + first + i]
    return np.int64(count)


@uncounted
def remember(memo: Memo, data: Bytes, start: Int, length: Int, code: np.uint32, rows: Int32s) -> None:
    """Add a record for a word that has none; if there is no room, drop all others first."""
    head = memo.used[1]
    begin = head + 1 + (length + 3) // 4
    if begin + len(rows) + COPIED > len(memo.pool) or 2 * memo.used[0] >= len(memo.slots):
        memo.slots[:] = 0
        memo.used[0], memo.used[1] = 0, 1
        return
    memo.pool[head] = length + 256 * len(rows)
    for i in range(length):
        memo.letters[4 * (head + 1) + i] = data[start + i]
    for k in range(len(rows)):
        memo.pool[begin + k] = rows[k]
    slot = _slot(code, memo.slots)
    while memo.slots[slot]:
        slot = (slot + np.uint64(1)) & np.uint64(len(memo.slots) - 1)
    memo.slots[slot] = np.uint64(code) << np.uint64(32) | np.uint64(head)
    memo.used[0] += 1
    memo.used[1] = begin + len(rows)
