"""Split texts into words, and join some of them again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s
from dj_assets.kernels.jit import kernel

Flags = npt.NDArray[np.bool_]


@kernel
def split_words(data: Bytes, offsets: Int32s) -> tuple[Bytes, Int64s, Int64s]:
    """Split every row at spaces, line feeds and tabs (and nothing else), dropping empty words.

    Returns
    -------
    The concatenated bytes of all words, the offsets of the words in them, shape `(words + 1,)`, and the offsets of the
    rows among the words, shape `(rows + 1,)`.
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


@kernel
def join_words(data: Bytes, offsets: Int32s, kept: Flags) -> tuple[Bytes, Int64s]:
    """Join the kept words of every row: by a line feed if one was between them, else by a tab, else by a space.

    `kept` has one flag for every word of all rows, in the order of `split_words`.

    Returns
    -------
    The concatenated bytes of all rows, and their offsets, shape `(rows + 1,)`.
    """
    out = np.empty(offsets[-1] - offsets[0], np.uint8)
    ends = np.zeros(len(offsets), np.int64)
    word = written = 0
    for row in range(len(offsets) - 1):
        first = written
        separator = np.uint8(32)
        i, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        while i < end:
            byte = data[i]
            if byte in (9, 10, 32):
                if byte == 10 or (byte == 9 and separator == 32):
                    separator = byte
                i += 1
                continue
            if kept[word] and written > first:
                out[written] = separator
                written += 1
            while i < end and data[i] not in (9, 10, 32):
                if kept[word]:
                    out[written] = data[i]
                    written += 1
                i += 1
            if kept[word]:
                separator = np.uint8(32)
            word += 1
        ends[row + 1] = written
    return out[:written], ends


@kernel
def rename_words(codes: Int32s, offsets: Int64s, names: Int32s) -> tuple[Int32s, Int64s]:
    """Replace the code of every word by `names[code]`; words with a negative new code are left out.

    Row `i` has the words `codes[offsets[i]:offsets[i + 1]]`. Return the words of all rows and the new offsets.
    """
    renamed, ends = np.empty(len(codes), np.int32), np.zeros(len(offsets), np.int64)
    written = 0
    for row in range(len(offsets) - 1):
        for k in range(offsets[row], offsets[row + 1]):
            renamed[written] = names[codes[k]]
            written += renamed[written] >= 0
        ends[row + 1] = written
    return renamed[:written], ends


@kernel
def count_words(codes: Int32s, offsets: Int64s, chosen: Flags) -> Int64s:
    """Count the words of every row whose code is chosen; `chosen` has one flag per code."""
    counts = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(counts)):
        for k in range(offsets[row], offsets[row + 1]):
            counts[row] += chosen[codes[k]]
    return counts


@kernel
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13)


@kernel
def _pair_end(data: Bytes, i: Int, end: Int, pairs: Bytes) -> Int:
    """Return the end of the first pair at or after byte `i`, `end` if there is none."""
    before = np.int64(32)
    while i < end:
        byte = np.int64(data[i])
        if pairs[before << 8 | byte]:
            return i
        before = byte
        i += 1
    return end


@kernel
def words_with(data: Bytes, offsets: Int32s, pairs: Bytes) -> tuple[Int64s, Int64s]:
    """Find the words, between ASCII white space, that contain two adjacent bytes that are a pair.

    `pairs[256 * a + b]` says whether `a`, `b` are a pair, shape `(65536,)`. Return the start and end of each word.
    """
    starts, ends = np.empty(64, np.int64), np.empty(64, np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        first, last = np.int64(offsets[row]), np.int64(offsets[row + 1])
        i: Int = _pair_end(data, first, last, pairs)
        while i < last:
            if count == len(starts):
                starts, ends = np.concatenate((starts, starts)), np.concatenate((ends, ends))
            start: Int = i
            while start > first and not _is_space(data[start - 1]):
                start -= 1
            while i < last and not _is_space(data[i]):
                i += 1
            starts[count], ends[count] = start, i
            count += 1
            i = _pair_end(data, i, last, pairs)
    return starts[:count], ends[:count]
