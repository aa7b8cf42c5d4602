"""The first half of MD5 (RFC 1321) over a slice of bytes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes
from dj_assets.kernels.jit import kernel

UInt32s = npt.NDArray[np.uint32]

_SINES = np.array([int(abs(math.sin(i + 1)) * 2**32) for i in range(64)], np.uint32)


@kernel
def _turn(value: np.uint32, mixed: np.uint32, left: int) -> np.uint32:
    """Return `value` plus `mixed` rotated to the left."""
    return np.uint32(value + np.uint32((mixed << np.uint32(left)) | (mixed >> np.uint32(32 - left))))


@kernel
def _load(data: Bytes, start: int, length: int, block: int, words: UInt32s) -> None:
    """Write a block of the padded message to 16 little-endian words."""
    for word in range(16):
        value = np.uint32(0)
        for byte in range(4):
            at = block * 64 + word * 4 + byte
            if at < length:
                value |= np.uint32(data[start + at]) << np.uint32(8 * byte)
            elif at == length:
                value |= np.uint32(0x80) << np.uint32(8 * byte)
        words[word] = value
    if block == (length + 8) // 64:
        words[14] = np.uint32((length * 8) & 0xFFFFFFFF)
        words[15] = np.uint32((length * 8) >> 32)


@kernel
def _digest_block(
    a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32, x: UInt32s
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    for i in range(0, 16, 4):
        a = _turn(b, np.uint32(a + ((b & c) | (~b & d)) + x[i] + _SINES[i]), 7)
        d = _turn(a, np.uint32(d + ((a & b) | (~a & c)) + x[i + 1] + _SINES[i + 1]), 12)
        c = _turn(d, np.uint32(c + ((d & a) | (~d & b)) + x[i + 2] + _SINES[i + 2]), 17)
        b = _turn(c, np.uint32(b + ((c & d) | (~c & a)) + x[i + 3] + _SINES[i + 3]), 22)
    for i in range(0, 16, 4):
        k = 5 * i + 1
        a = _turn(b, np.uint32(a + ((d & b) | (~d & c)) + x[k & 15] + _SINES[16 + i]), 5)
        d = _turn(a, np.uint32(d + ((c & a) | (~c & b)) + x[(k + 5) & 15] + _SINES[17 + i]), 9)
        c = _turn(d, np.uint32(c + ((b & d) | (~b & a)) + x[(k + 10) & 15] + _SINES[18 + i]), 14)
        b = _turn(c, np.uint32(b + ((a & c) | (~a & d)) + x[(k + 15) & 15] + _SINES[19 + i]), 20)
    for i in range(0, 16, 4):
        k = 3 * i + 5
        a = _turn(b, np.uint32(a + (b ^ c ^ d) + x[k & 15] + _SINES[32 + i]), 4)
        d = _turn(a, np.uint32(d + (a ^ b ^ c) + x[(k + 3) & 15] + _SINES[33 + i]), 11)
        c = _turn(d, np.uint32(c + (d ^ a ^ b) + x[(k + 6) & 15] + _SINES[34 + i]), 16)
        b = _turn(c, np.uint32(b + (c ^ d ^ a) + x[(k + 9) & 15] + _SINES[35 + i]), 23)
    for i in range(0, 16, 4):
        k = 7 * i
        a = _turn(b, np.uint32(a + (c ^ (b | ~d)) + x[k & 15] + _SINES[48 + i]), 6)
        d = _turn(a, np.uint32(d + (b ^ (a | ~c)) + x[(k + 7) & 15] + _SINES[49 + i]), 10)
        c = _turn(d, np.uint32(c + (a ^ (d | ~b)) + x[(k + 14) & 15] + _SINES[50 + i]), 15)
        b = _turn(c, np.uint32(b + (d ^ (c | ~a)) + x[(k + 21) & 15] + _SINES[51 + i]), 21)
    return a, b, c, d


@kernel
def _reversed_bytes(value: np.uint32) -> np.uint64:
    swapped = (value >> np.uint32(24)) | ((value >> np.uint32(8)) & np.uint32(0xFF00))
    swapped |= ((value << np.uint32(8)) & np.uint32(0xFF0000)) | (value << np.uint32(24))
    return np.uint64(np.uint32(swapped))


@kernel
def md5_64(data: Bytes, start: int, end: int, words: UInt32s) -> np.uint64:
    """Return the first 8 bytes of the MD5 of `data[start:end]`, big endian. `words` is scratch space of 16."""
    a, b = np.uint32(0x67452301), np.uint32(0xEFCDAB89)
    c, d = np.uint32(0x98BADCFE), np.uint32(0x10325476)
    length = end - start
    for block in range((length + 8) // 64 + 1):
        _load(data, start, length, block, words)
        e, f, g, h = _digest_block(a, b, c, d, words)
        a, b, c, d = np.uint32(a + e), np.uint32(b + f), np.uint32(c + g), np.uint32(d + h)
    return (_reversed_bytes(a) << np.uint64(32)) | _reversed_bytes(b)
