"""Split a text into words and hash them as fastText does, at most `WORDS` words at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int64s
from dj_assets.kernels.jit import kernel, uncounted, unfolded

# The number of words that are split before any of them is looked up.
WORDS = 128
FNV_BASIS, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)


class FastTextWords(NamedTuple):
    """Hold the start, the end and the hash of up to `WORDS` words; shape `(WORDS,)` each."""

    starts: Int64s
    ends: Int64s
    codes: npt.NDArray[np.uint32]


@kernel
def room_for_words() -> FastTextWords:
    """Return empty arrays for words."""
    return FastTextWords(np.empty(WORDS, np.int64), np.empty(WORDS, np.int64), np.empty(WORDS, np.uint32))


@unfolded
def hash_byte(seed: np.uint32, byte: np.uint8) -> np.uint32:
    """Add a byte to fastText's variant of the hash FNV-1a, which takes bytes as signed."""
    return np.uint32((seed ^ np.uint32(np.int8(byte))) * _FNV_PRIME)


@unfolded
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13 or byte == 0)


@uncounted
def split_some(data: Bytes, start: Int, end: Int, words: FastTextWords) -> tuple[Int, int]:
    """Split words off `data[start:end]`; return where to continue, and the number of words: below `WORDS` at the end.

    Words are separated by ASCII white space and NUL.
    """
    count = 0
    # indexing by unsigned integers needs no check for negative indices
    i, stop = np.uint64(start), np.uint64(end)
    while count < WORDS:
        while i < stop and _is_space(data[i]):
            i += np.uint64(1)
        if i == stop:
            break
        words.starts[count] = i
        code = FNV_BASIS
        while i < stop and (data[i] > 32 or not _is_space(data[i])):
            code = hash_byte(code, data[i])
            i += np.uint64(1)
        words.ends[count], words.codes[count] = i, code
        count += 1
    return np.int64(i), count
