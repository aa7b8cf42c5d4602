"""Compute Simhash (Charikar 2002) over MD5-hashed shingles."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int32s, Int64s, UInt64s
from dj_assets.kernels.eights import eight_of
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.lanes import BEHIND, LANES
from dj_assets.kernels.md5 import SCRATCH, md5_64
from dj_assets.kernels.units import room_for_units, split_units

# The lowest bit of each byte.
_LOWEST = eight_of("\x01")


@kernel
def _count_ones(hashes: UInt64s, sums: UInt64s, ones: Int64s) -> None:
    """Add to `ones`, shape `(64,)`, the number of hashes that have each bit set; `sums`, shape `(8,)`, is scratch.

    Each sum counts one bit of every byte, in eight counters of a byte each: this is an eighth of the additions of one
    counter per bit. A counter holds 255 hashes, so there must not be more; there are up to `LANES`.
    """
    sums[:] = 0
    for value in hashes:
        for bit in range(8):
            sums[bit] += (value >> np.uint64(bit)) & _LOWEST
    for byte in range(8):
        for bit in range(8):
            ones[8 * byte + bit] += np.int64((sums[bit] >> np.uint64(8 * byte)) & np.uint64(255))


@kernel
def simhash(data: Bytes, offsets: Int32s, window: int, split: int, separators: Bytes) -> tuple[UInt64s, Int64s]:
    """Compute the signature of every row: the majority of each bit over the hashes of its shingles.

    A shingle is `window` adjacent units; its hash is the first 8 bytes of its MD5, big endian. Repeated shingles count
    as often as they occur. A bit is set if more hashes have it set than not.

    Parameters
    ----------
    split
        One of those of `split_units`, with its `separators`.

    Returns
    -------
    Signatures, 0 for a row without a shingle, and the number of shingles, each of shape `(rows,)`.
    """
    units = room_for_units(offsets, BEHIND)
    scratch, hashes = np.empty(SCRATCH, np.uint32), np.empty(LANES, np.uint64)
    sums, ones = np.empty(8, np.uint64), np.empty(64, np.int64)
    signatures = np.zeros(len(offsets) - 1, np.uint64)
    shingles = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(offsets) - 1):
        unit_count = split_units(data, np.int64(offsets[row]), np.int64(offsets[row + 1]), split, separators, units)
        count = max(0, unit_count - window + 1)
        ones[:] = 0
        for first in range(0, count, LANES):
            last = min(first + LANES, count)
            starts, ends = units.starts[first:last], units.ends[first + window - 1 : last + window - 1]
            md5_64(units.text, starts, ends, scratch, hashes)
            _count_ones(hashes[: last - first], sums, ones)
        shingles[row] = count
        for bit in range(64):
            if 2 * ones[bit] > count:
                signatures[row] |= np.uint64(1) << np.uint64(bit)
    return signatures, shingles
