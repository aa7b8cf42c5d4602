"""Lower case as Python's `str` defines it, except for the few characters whose lower case has another length."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int32s
from dj_assets.kernels.code_points import LETTERS_END, all_characters, code_point_at
from dj_assets.kernels.jit import kernel, unfolded

Flags = npt.NDArray[np.bool_]

# The lower case of a capital sigma depends on its neighbours; that of a dotted capital I has two characters.
_SIGMA, _DOTTED_I = 0x3A3, 0x130
ASK = -1
# The number of bytes that are tested together.
STRETCH = 16


@cache
def lower_points() -> Int32s:
    """Return the lower case of every code point, `ASK` if its length in bytes differs; shape `(0x40000,)`."""
    points = np.arange(LETTERS_END, dtype=np.int32)
    characters = all_characters(LETTERS_END).replace(chr(_DOTTED_I), " ")
    lower = np.frombuffer(characters.lower().encode("utf-32-le", "surrogatepass"), np.int32).copy()
    lower[_width(lower) != _width(points)] = ASK
    lower[[_SIGMA, _DOTTED_I]] = ASK
    return lower


def _width(points: Int32s) -> npt.NDArray[np.int64]:
    """Return the length of code points in UTF-8, in bytes."""
    return np.searchsorted([0x80, 0x800, 0x10000], points, side="right")


@unfolded
def _all_ascii(data: Bytes, start: Int) -> bool:
    bits = np.uint8(0)
    for i in range(STRETCH):
        # indexing by an unsigned integer needs no check for negative indices
        bits |= data[np.uint64(start) + np.uint64(i)]
    return bool(bits < 0x80)


@kernel
def _lower_row(out: Bytes, start: Int, end: Int, points: Int32s) -> bool:
    """Lower the characters beyond ASCII in place; return whether none of them has to be left to Python."""
    i = np.int64(start)
    while i < end:
        if out[i] < 0x80:
            i += STRETCH if i + STRETCH <= end and _all_ascii(out, i) else 1
            continue
        point, width = code_point_at(out, i)
        if point < len(points) and points[point] != point:
            lower = points[point]
            if lower == ASK:
                return False
            last = i + width - 1
            for k in range(last, i, -1):
                out[k] = 0x80 | lower & 0x3F
                lower >>= 6
            # the upper bits of the first byte give the width, which does not change
            out[i] = out[i] & (0xC0 if width == 2 else 0xE0 if width == 3 else 0xF0) | lower
        i += width
    return True


@kernel
def lower_case(data: Bytes, offsets: Int32s, points: Int32s) -> tuple[Bytes, Flags]:
    """Return the bytes of all rows in lower case, each as long as before, and the rows that are left to Python."""
    first = offsets[0]
    out = np.empty(offsets[-1] - first, np.uint8)
    for i in range(len(out)):
        byte = data[first + i]
        out[i] = byte + (32 if 65 <= byte <= 90 else 0)
    asked = np.zeros(len(offsets) - 1, np.bool_)
    for row in range(len(asked)):
        asked[row] = not _lower_row(out, offsets[row] - first, offsets[row + 1] - first, points)
    return out, asked
