"""Compute the first half of MD5 (RFC 1321) of many slices of bytes at once."""

from __future__ import annotations

import math

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int64s, UInt64s
from dj_assets.kernels.jit import kernel, unfolded
from dj_assets.kernels.lanes import LANES, UInt32s, digest_slices
from dj_assets.kernels.unaligned import first_bytes

State = tuple[np.uint32, np.uint32, np.uint32, np.uint32]

# The size of scratch space in words: the state of all lanes, and the sixteen words of each lane's block.
SCRATCH = (4 + 16) * LANES

_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], np.uint32)
_SINES = tuple(np.uint32(int(abs(math.sin(i + 1)) * 2**32)) for i in range(64))
# For each round: the first word, the distance to the next word, and the rotations of four steps.
_FIRST = (0, 1, 5, 0)
_STRIDE = (1, 5, 3, 7)
_TURNS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))


@kernel
def _load(data: Bytes, start: Int, end: Int, block: Int, words: UInt32s, lane: Int) -> None:
    """Write a block of a padded message to the sixteen words of its lane."""
    length = end - start
    for pair in range(8):
        at = block * 64 + pair * 8
        left = length - at
        both = first_bytes(data, start + at, left)
        if 0 <= left < 8:
            both |= np.uint64(0x80) << np.uint64(8 * left)
        words[2 * pair * LANES + lane] = np.uint32(both & np.uint64(0xFFFFFFFF))
        words[(2 * pair + 1) * LANES + lane] = np.uint32(both >> np.uint64(32))
    if block == (length + 8) // 64:
        words[14 * LANES + lane] = np.uint32((length * 8) & 0xFFFFFFFF)
        words[15 * LANES + lane] = np.uint32((length * 8) >> 32)


@unfolded
def _mix(f: int, b: np.uint32, c: np.uint32, d: np.uint32) -> np.uint32:
    if f == 0:
        return np.uint32(d ^ (b & (c ^ d)))
    if f == 1:
        return np.uint32(c ^ (d & (b ^ c)))
    if f == 2:
        return np.uint32(b ^ c ^ d)
    return np.uint32(c ^ (b | ~d))


@unfolded
def _step(s: State, words: UInt32s, lane: Int, f: int, i: int) -> State:
    """Compute step `i` of round `f` for one lane."""
    a, b, c, d = s
    word = words[((_FIRST[f] + _STRIDE[f] * i) & 15) * LANES + lane]
    mixed = np.uint32(a + _mix(f, b, c, d) + word + _SINES[16 * f + i])
    left = _TURNS[f][i & 3]
    turned = np.uint32((mixed << np.uint32(left)) | (mixed >> np.uint32(32 - left)))
    return d, np.uint32(b + turned), b, c


@unfolded
def _four(s: State, words: UInt32s, lane: Int, f: int, i: int) -> State:
    s = _step(s, words, lane, f, i)
    s = _step(s, words, lane, f, i + 1)
    s = _step(s, words, lane, f, i + 2)
    return _step(s, words, lane, f, i + 3)


@unfolded
def _round(s: State, words: UInt32s, lane: Int, f: int) -> State:
    s = _four(s, words, lane, f, 0)
    s = _four(s, words, lane, f, 4)
    s = _four(s, words, lane, f, 8)
    return _four(s, words, lane, f, 12)


@kernel
def _digest(state: UInt32s, words: UInt32s) -> None:
    """Compute the sixty-four steps of a block in all lanes."""
    for lane in range(LANES):
        s = (state[lane], state[LANES + lane], state[2 * LANES + lane], state[3 * LANES + lane])
        s = _round(s, words, lane, 0)
        s = _round(s, words, lane, 1)
        s = _round(s, words, lane, 2)
        s = _round(s, words, lane, 3)
        state[lane] += s[0]
        state[LANES + lane] += s[1]
        state[2 * LANES + lane] += s[2]
        state[3 * LANES + lane] += s[3]


@unfolded
def _reversed_bytes(value: np.uint32) -> np.uint64:
    swapped = (value >> np.uint32(24)) | ((value >> np.uint32(8)) & np.uint32(0xFF00))
    swapped |= ((value << np.uint32(8)) & np.uint32(0xFF0000)) | (value << np.uint32(24))
    return np.uint64(np.uint32(swapped))


@unfolded
def _finish(out: UInt64s, state: UInt32s, lane: Int) -> None:
    out[lane] = (_reversed_bytes(state[lane]) << np.uint64(32)) | _reversed_bytes(state[LANES + lane])


@kernel
def md5_64(data: Bytes, starts: Int64s, ends: Int64s, scratch: UInt32s, out: UInt64s) -> None:
    """Write the first 8 bytes of the MD5 of `data[starts[i]:ends[i]]`, big endian, for up to `LANES` slices.

    `data` must have `BEHIND` bytes after the last slice; their values do not matter. `scratch` is scratch space of
    `SCRATCH` words.
    """
    digest_slices(data, starts, ends, scratch, _START, _load, _digest, _finish, out)
