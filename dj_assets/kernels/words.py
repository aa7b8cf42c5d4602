"""Splitting texts into words."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int32s, Int64s
from dj_assets.kernels.jit import kernel


@kernel
def split_words(data: Bytes, offsets: Int32s) -> tuple[Bytes, Int64s, Int64s]:
    """Split every row at spaces, line feeds and tabs (and nothing else), dropping empty words.

    Returns
    -------
    The bytes of all words one after the other, the offsets of the words in them, shape `(words + 1,)`, and the
    offsets of the rows among the words, shape `(rows + 1,)`.
    """
    first, last = offsets[0], offsets[-1]
    out = np.empty(last - first, np.uint8)
    ends = np.empty((last - first + 1) // 2 + len(offsets), np.int64)
    ends[0] = 0
    rows = np.zeros(len(offsets), np.int64)
    words = written = 0
    for row in range(len(offsets) - 1):
        for i in range(offsets[row], offsets[row + 1]):
            byte = data[i]
            if byte in (9, 10, 32):
                if ends[words] < written:
                    words += 1
                    ends[words] = written
            else:
                out[written] = byte
                written += 1
        if ends[words] < written:
            words += 1
            ends[words] = written
        rows[row + 1] = words
    return out[:written], ends[: words + 1], rows
