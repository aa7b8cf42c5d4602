"""Simhash (Charikar 2002) over MD5-hashed shingles."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.md5 import md5_64
from dj_assets.kernels.units import room_for_units, split_units


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
    units = room_for_units(offsets, 0)
    words = np.empty(16, np.uint32)
    ones = np.empty(64, np.int64)
    signatures = np.zeros(len(offsets) - 1, np.uint64)
    shingles = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(offsets) - 1):
        found = split_units(data, np.int64(offsets[row]), np.int64(offsets[row + 1]), split, separators, units)
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
