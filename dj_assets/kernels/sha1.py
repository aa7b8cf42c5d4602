"""Compute the first 4 bytes of SHA-1 (FIPS 180-4) of many slices of bytes at once."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int64s
from dj_assets.kernels.jit import kernel, unfolded
from dj_assets.kernels.lanes import LANES, UInt32s, digest_slices

State = tuple[np.uint32, ...]
Words = tuple[np.uint32, ...]

# The size of scratch space in words: the state of all lanes, and the sixteen words of each lane's block.
SCRATCH = (5 + 16) * LANES

_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0], np.uint32)
_KEYS = (np.uint32(0x5A827999), np.uint32(0x6ED9EBA1), np.uint32(0x8F1BBCDC), np.uint32(0xCA62C1D6))


def _masks() -> tuple[UInt32s, UInt32s]:
    """Return the mask of each word's message bits and the padding bit, if 0 to 64 bytes of the message remain.

    The last rows, from index -9 on, belong to a block after the one in which the message and that bit end.
    """
    masks, padding = np.zeros((74, 16), np.uint32), np.zeros((74, 16), np.uint32)
    for left in range(65):
        full, rest = divmod(left, 4)
        masks[left, :full] = 0xFFFFFFFF
        if full < 16:
            masks[left, full] = 0xFFFFFFFF ^ 0xFFFFFFFF >> 8 * rest
            padding[left, full] = 0x80000000 >> 8 * rest
    return masks, padding


_MASKS, _PADDING = _masks()


@unfolded
def _big_endian(data: Bytes, at: np.uint64) -> np.uint32:
    high = np.uint32(data[at]) << np.uint32(24) | np.uint32(data[at + np.uint64(1)]) << np.uint32(16)
    return np.uint32(high | np.uint32(data[at + np.uint64(2)]) << np.uint32(8) | np.uint32(data[at + np.uint64(3)]))


@unfolded
def _load(data: Bytes, start: Int, end: Int, block: Int, words: UInt32s, lane: Int) -> None:
    """Write a block of a padded message to the sixteen words of its lane."""
    length = end - start
    left = min(length - block * 64, 64)
    # indexing by an unsigned integer needs no check for negative indices
    at = np.uint64(start + block * 64)
    for word in range(16):
        value = _big_endian(data, at + np.uint64(4 * word))
        words[word * LANES + lane] = (value & _MASKS[left, word]) | _PADDING[left, word]
    if block == (length + 8) // 64:
        words[14 * LANES + lane] = np.uint32((length * 8) >> 32)
        words[15 * LANES + lane] = np.uint32((length * 8) & 0xFFFFFFFF)


@unfolded
def _turned(value: np.uint32, bits: int) -> np.uint32:
    return np.uint32((value << np.uint32(bits)) | (value >> np.uint32(32 - bits)))


@unfolded
def _mix(f: int, b: np.uint32, c: np.uint32, d: np.uint32) -> np.uint32:
    if f == 0:
        return np.uint32(d ^ (b & (c ^ d)))
    if f == 2:
        return np.uint32((b & c) | (d & (b | c)))
    return np.uint32(b ^ c ^ d)


@unfolded
def _step(s: State, w: Words, f: int) -> tuple[State, Words]:
    """Compute one step of a lane; return its state and the next sixteen words."""
    a, b, c, d, e = s
    first = np.uint32(_turned(a, 5) + _mix(f, b, c, d) + e + _KEYS[f] + w[0])
    last = _turned(w[13] ^ w[8] ^ w[2] ^ w[0], 1)
    return (first, a, _turned(b, 30), c, d), w[1:] + (last,)  # noqa: RUF005 - numba unpacks nothing inside of a tuple


@unfolded
def _five(s: State, w: Words, f: int) -> tuple[State, Words]:
    s, w = _step(s, w, f)
    s, w = _step(s, w, f)
    s, w = _step(s, w, f)
    s, w = _step(s, w, f)
    return _step(s, w, f)


@unfolded
def _twenty(s: State, w: Words, f: int) -> tuple[State, Words]:
    s, w = _five(s, w, f)
    s, w = _five(s, w, f)
    s, w = _five(s, w, f)
    return _five(s, w, f)


@unfolded
def _four(words: UInt32s, first: int, lane: Int) -> Words:
    at = first * LANES + lane
    return words[at], words[at + LANES], words[at + 2 * LANES], words[at + 3 * LANES]


@kernel
def _digest(state: UInt32s, words: UInt32s) -> None:
    """Compute the eighty steps of a block in all lanes."""
    for lane in range(LANES):
        a, b, c, d = _four(state, 0, lane)
        s: State = (a, b, c, d, state[4 * LANES + lane])
        w = _four(words, 0, lane) + _four(words, 4, lane) + _four(words, 8, lane) + _four(words, 12, lane)
        s, w = _twenty(s, w, 0)
        s, w = _twenty(s, w, 1)
        s, w = _twenty(s, w, 2)
        s, w = _twenty(s, w, 3)
        state[lane] += s[0]
        state[LANES + lane] += s[1]
        state[2 * LANES + lane] += s[2]
        state[3 * LANES + lane] += s[3]
        state[4 * LANES + lane] += s[4]


@kernel
def _reversed_bytes(value: np.uint32) -> np.uint32:
    outer = (value >> np.uint32(24)) | (value << np.uint32(24))
    inner = ((value >> np.uint32(8)) & np.uint32(0xFF00)) | ((value << np.uint32(8)) & np.uint32(0xFF0000))
    return np.uint32(outer | inner)


@unfolded
def _finish(out: UInt32s, state: UInt32s, lane: Int) -> None:
    out[lane] = _reversed_bytes(state[lane])


@kernel
def sha1_32(data: Bytes, starts: Int64s, ends: Int64s, scratch: UInt32s, out: UInt32s) -> None:
    """Write the first 4 bytes of the SHA-1 of `data[starts[i]:ends[i]]`, little endian, for up to `LANES` slices.

    `data` must have `BEHIND` bytes after the last slice; their values do not matter. `scratch` is scratch space of
    `SCRATCH` words.
    """
    digest_slices(data, starts, ends, scratch, _START, _load, _digest, _finish, out)
