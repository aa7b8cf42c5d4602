"""Simhash (Charikar 2002) over MD5-hashed shingles."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int32s, Int64s, UInt64s
from dj_assets.kernels.code_points import code_point_at
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.md5 import md5_64

# How a text falls into units.
SPACES, SEPARATORS, CHARACTERS = range(3)


@kernel
def _units_between_spaces(data: Bytes, start: int, end: int, out: Bytes, starts: Int64s, ends: Int64s) -> int:
    """Write the units between spaces to `out`, one space between them; empty units are dropped."""
    units = written = 0
    open_unit = False
    for i in range(start, end):
        if data[i] == 32:
            open_unit = False
            continue
        if not open_unit:
            if units:
                out[written] = 32
                written += 1
            starts[units] = written
            units += 1
            open_unit = True
        out[written] = data[i]
        written += 1
        ends[units - 1] = written
    return units


@kernel
def _units_between_separators(
    data: Bytes, start: int, end: int, separators: Bytes, out: Bytes, starts: Int64s, ends: Int64s
) -> int:
    """Write the units between separating characters to `out`, one space between them; empty units stay."""
    units = written = 0
    starts[0] = 0
    i = np.int64(start)
    while i < end:
        point, width = code_point_at(data, i)
        if separators[point]:
            ends[units] = written
            out[written] = 32
            written += 1
            units += 1
            starts[units] = written
        else:
            for k in range(i, i + width):
                out[written] = data[k]
                written += 1
        i += width
    ends[units] = written
    return units + 1


@kernel
def _characters(data: Bytes, start: int, end: int, out: Bytes, starts: Int64s, ends: Int64s) -> int:
    """Write every character as a unit, nothing between them."""
    units = 0
    for i in range(start, end):
        out[i - start] = data[i]
        if data[i] & 0xC0 != 0x80:
            starts[units] = i - start
            units += 1
        ends[units - 1] = i - start + 1
    return units


@kernel
def simhash(
    data: Bytes, offsets: Int32s, window: int, split: int, separators: Bytes
) -> tuple[UInt64s, Int64s]:
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
    out = np.empty(longest + 1, np.uint8)
    starts = np.empty(longest + 1, np.int64)
    ends = np.empty(longest + 1, np.int64)
    words = np.empty(16, np.uint32)
    ones = np.empty(64, np.int64)
    signatures = np.zeros(len(offsets) - 1, np.uint64)
    shingles = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(offsets) - 1):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        if split == SPACES:
            units = _units_between_spaces(data, start, end, out, starts, ends)
        elif split == SEPARATORS:
            units = _units_between_separators(data, start, end, separators, out, starts, ends)
        else:
            units = _characters(data, start, end, out, starts, ends)
        count = max(0, units - window + 1)
        ones[:] = 0
        for unit in range(count):
            value = md5_64(out, starts[unit], ends[unit + window - 1], words)
            for bit in range(64):
                ones[bit] += np.int64((value >> np.uint64(bit)) & np.uint64(1))
        shingles[row] = count
        for bit in range(64):
            if 2 * ones[bit] > count:
                signatures[row] |= np.uint64(1) << np.uint64(bit)
    return signatures, shingles
