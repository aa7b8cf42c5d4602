"""The first 4 bytes of SHA-1 (FIPS 180-4), over many slices of bytes side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int64s
from dj_assets.kernels.jit import kernel

UInt32s = npt.NDArray[np.uint32]

# So many messages are digested at once: every step is a loop over them, which compiles to vector instructions.
LANES = 16
# Where the five words of the state, the five they started from and the sixteen of the block lie in scratch space.
A, B, C, D, E = range(0, 5 * LANES, LANES)
BEFORE = 5 * LANES
SCRATCH = 26 * LANES

_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0], np.uint32)
_KEYS = np.array([0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6], np.uint32)


@kernel
def _word(data: Bytes, at: Int, left: Int) -> np.uint32:
    """Return 4 bytes of a padded message, big endian; `left` bytes of it are left at `at`."""
    if left >= 4:
        high = np.uint32(data[at]) << np.uint32(24) | np.uint32(data[at + 1]) << np.uint32(16)
        return np.uint32(high | np.uint32(data[at + 2]) << np.uint32(8) | np.uint32(data[at + 3]))
    value = np.uint32(0)
    for byte in range(max(left, 0)):
        value |= np.uint32(data[at + byte]) << np.uint32(24 - 8 * byte)
    return np.uint32(value | np.uint32(0x80) << np.uint32(24 - 8 * left)) if left >= 0 else value


@kernel
def _load(data: Bytes, start: Int, end: Int, block: Int, words: UInt32s, lane: Int) -> None:
    """Write a block of a padded message to the sixteen words of its lane."""
    length = end - start
    for word in range(16):
        done = block * 64 + word * 4
        words[word * LANES + lane] = _word(data, start + done, length - done)
    if block == (length + 8) // 64:
        words[14 * LANES + lane] = np.uint32((length * 8) >> 32)
        words[15 * LANES + lane] = np.uint32((length * 8) & 0xFFFFFFFF)


@kernel
def _mix(f: int, b: np.uint32, c: np.uint32, d: np.uint32) -> np.uint32:
    if f == 0:
        return np.uint32(d ^ (b & (c ^ d)))
    if f == 2:
        return np.uint32((b & c) | (d & (b | c)))
    return np.uint32(b ^ c ^ d)


@kernel
def _round(s: UInt32s, words: UInt32s, a: int, b: int, c: int, d: int, e: int, t: Int, f: int) -> None:
    """Take one step in all lanes; `a` to `e` say which word of the state plays which part."""
    w = (t & 15) * LANES
    if t >= 16:
        x, y, z = ((t - 3) & 15) * LANES, ((t - 8) & 15) * LANES, ((t - 14) & 15) * LANES
        for lane in range(LANES):
            mixed = words[x + lane] ^ words[y + lane] ^ words[z + lane] ^ words[w + lane]
            words[w + lane] = (mixed << np.uint32(1)) | (mixed >> np.uint32(31))
    key = _KEYS[f]
    for lane in range(LANES):
        turned = (s[a + lane] << np.uint32(5)) | (s[a + lane] >> np.uint32(27))
        s[e + lane] += turned + _mix(f, s[b + lane], s[c + lane], s[d + lane]) + key + words[w + lane]
        s[b + lane] = (s[b + lane] << np.uint32(30)) | (s[b + lane] >> np.uint32(2))


@kernel
def _twenty(s: UInt32s, words: UInt32s, f: int) -> None:
    for t in range(20 * f, 20 * f + 20, 5):
        _round(s, words, A, B, C, D, E, t, f)
        _round(s, words, E, A, B, C, D, t + 1, f)
        _round(s, words, D, E, A, B, C, t + 2, f)
        _round(s, words, C, D, E, A, B, t + 3, f)
        _round(s, words, B, C, D, E, A, t + 4, f)


@kernel
def sha1_32(data: Bytes, starts: Int64s, ends: Int64s, scratch: UInt32s, out: UInt32s) -> None:
    """Write the first 4 bytes of the SHA-1 of `data[starts[i]:ends[i]]`, little endian, for up to `LANES` slices.

    `scratch` is scratch space of `SCRATCH` words.
    """
    s, words = scratch[: 10 * LANES], scratch[10 * LANES :]
    count = len(starts)
    blocks = 0
    for lane in range(count):
        blocks = max(blocks, (ends[lane] - starts[lane] + 8) // 64 + 1)
    for i in range(5):
        s[i * LANES : (i + 1) * LANES] = _START[i]
    for block in range(blocks):
        for lane in range(count):
            if block <= (ends[lane] - starts[lane] + 8) // 64:
                _load(data, starts[lane], ends[lane], block, words, lane)
        s[BEFORE:] = s[:BEFORE]
        _twenty(s, words, 0)
        _twenty(s, words, 1)
        _twenty(s, words, 2)
        _twenty(s, words, 3)
        for i in range(BEFORE):
            s[i] += s[BEFORE + i]
        for lane in range(count):
            if block == (ends[lane] - starts[lane] + 8) // 64:
                out[lane] = _reversed_bytes(s[lane])


@kernel
def _reversed_bytes(value: np.uint32) -> np.uint32:
    outer = (value >> np.uint32(24)) | (value << np.uint32(24))
    inner = ((value >> np.uint32(8)) & np.uint32(0xFF00)) | ((value << np.uint32(8)) & np.uint32(0xFF0000))
    return np.uint32(outer | inner)
