"""Simhash (Charikar 2002) over MD5-hashed shingles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.code_points import code_point_at
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.md5 import md5_64

# How a text falls into units.
SPACES, SEPARATORS, CHARACTERS = range(3)


class Units(NamedTuple):
    """Scratch space for the units of a text: their bytes, and where each starts and ends."""

    text: Bytes
    starts: Int64s
    ends: Int64s


@kernel
def _units_between_spaces(data: Bytes, start: Int, end: Int, units: Units) -> int:
    """Write the units between spaces, one space between them, and return their number; empty ones are dropped."""
    count = written = 0
    inside = False
    for i in range(start, end):
        if data[i] == 32:
            inside = False
            continue
        if not inside:
            if count:
                units.text[written] = 32
                written += 1
            units.starts[count] = written
            count += 1
            inside = True
        units.text[written] = data[i]
        written += 1
        units.ends[count - 1] = written
    return count


@kernel
def _units_between_separators(data: Bytes, start: Int, end: Int, separators: Bytes, units: Units) -> int:
    """Write the units between separating characters, one space between them; empty ones stay."""
    count = written = 0
    units.starts[0] = 0
    i = start
    while i < end:
        point, width = code_point_at(data, i)
        if separators[point]:
            units.ends[count] = written
            units.text[written] = 32
            written += 1
            count += 1
            units.starts[count] = written
        else:
            for k in range(i, i + width):
                units.text[written] = data[k]
                written += 1
        i += width
    units.ends[count] = written
    return count + 1


@kernel
def _characters(data: Bytes, start: Int, end: Int, units: Units) -> int:
    """Write every character as a unit, nothing between them."""
    count = 0
    for i in range(start, end):
        units.text[i - start] = data[i]
        if data[i] & 0xC0 != 0x80:
            units.starts[count] = i - start
            count += 1
        units.ends[count - 1] = i - start + 1
    return count


@kernel
def simhash(data: Bytes, offsets: Int32s, window: int, split: int, separators: Bytes) -> tuple[UInt64s, Int64s]:
    """Sign every row by the majority of each bit over the hashes of its shingles.

    A shingle is `window` adjacent units, its hash the first 8 bytes of its MD5, big endian; repeated shingles count
    as often as they occur. A bit is set where more hashes have it set than not.

    Parameters
    ----------
    split
        `SPACES`, `SEPARATORS` (the code points for which `separators` is not 0) or `CHARACTERS`.

    Returns
    -------
    Signatures, 0 for a row without a shingle, and the number of shingles, each of shape `(rows,)`.
    """
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, np.int64(offsets[row + 1]) - offsets[row])
    units = Units(np.empty(longest + 1, np.uint8), np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64))
    words = np.empty(16, np.uint32)
    ones = np.empty(64, np.int64)
    signatures = np.zeros(len(offsets) - 1, np.uint64)
    shingles = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(offsets) - 1):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        if split == SPACES:
            found = _units_between_spaces(data, start, end, units)
        elif split == SEPARATORS:
            found = _units_between_separators(data, start, end, separators, units)
        else:
            found = _characters(data, start, end, units)
        count = max(0, found - window + 1)
        ones[:] = 0
        for unit in range(count):
            value = md5_64(units.text, units.starts[unit], units.ends[unit + window - 1], words)
            for bit in range(64):
                ones[bit] += np.int64((value >> np.uint64(bit)) & np.uint64(1))
        shingles[row] = count
        for bit in range(64):
            if 2 * ones[bit] > count:
                signatures[row] |= np.uint64(1) << np.uint64(bit)
    return signatures, shingles
