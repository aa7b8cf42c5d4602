"""Replace spans of texts by other texts."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int32s, Int64s
from dj_assets.kernels.jit import kernel


@kernel
def splice(
    data: Bytes, offsets: Int32s, starts: Int64s, ends: Int64s, patches: Bytes, bounds: Int32s
) -> tuple[Bytes, Int64s]:
    """Replace spans, which do not overlap and are in order, by patches; return bytes and row offsets.

    Patch `k` is `patches[bounds[k]:bounds[k + 1]]` and replaces `data[starts[k]:ends[k]]`.
    """
    size = np.int64(offsets[-1]) - offsets[0] + bounds[-1] - bounds[0]
    for k in range(len(starts)):
        size -= ends[k] - starts[k]
    out = np.empty(size, np.uint8)
    rows = np.zeros(len(offsets), np.int64)
    written = 0
    k = 0
    for row in range(len(offsets) - 1):
        i = np.int64(offsets[row])
        while k < len(starts) and starts[k] < offsets[row + 1]:
            kept, patch = starts[k] - i, np.int64(bounds[k + 1]) - bounds[k]
            out[written : written + kept] = data[i : starts[k]]
            written += kept
            out[written : written + patch] = patches[bounds[k] : bounds[k + 1]]
            written += patch
            i = ends[k]
            k += 1
        out[written : written + offsets[row + 1] - i] = data[i : offsets[row + 1]]
        written += offsets[row + 1] - i
        rows[row + 1] = written
    return out, rows
