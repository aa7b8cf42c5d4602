"""Test eight bytes of a text at once: each test marks bytes of a number by their highest bits."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Int
from dj_assets.kernels.jit import inlined
from dj_assets.kernels.unaligned import trailing_zeros


def eight_of(character: str) -> np.uint64:
    """Return the number whose eight bytes are an ASCII character each."""
    return np.uint64(0x0101010101010101 * ord(character))


_EACH, _SPACES = eight_of("\x01"), eight_of(" ")
_HIGH = _EACH << np.uint64(7)


@inlined
def unprintable(eight: np.uint64) -> np.uint64:
    """Mark the bytes that are no printable ASCII characters; the space is one."""
    # 0x7f plus one and what is from 0x80 on have the highest bit; what is below the space loses it
    return (eight | ((eight & ~_HIGH) + _EACH) | ~((eight | _HIGH) - _SPACES)) & _HIGH


@inlined
def same(eight: np.uint64, other: np.uint64) -> np.uint64:
    """Mark the first byte that is equal in both numbers; later bytes may be marked or not."""
    difference = eight ^ other
    return (difference - _EACH) & ~difference & _HIGH


@inlined
def before_first(marks: np.uint64) -> Int:
    """Return the number of bytes before the first that is marked, 8 if there is none."""
    return trailing_zeros(marks) >> 3
