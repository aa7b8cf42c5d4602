"""Classes of code points as Python's `str` defines them, and the walk over UTF-8 that looks them up."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.special_characters import SPECIAL_CHARACTERS

CODE_POINTS = 0x110000
# The later planes hold no letters, digits or white space: tags, variation selectors and private use.
LETTERS_END = 0x40000

ALNUM = 1
ALPHA = 2
SPECIAL = 4
LINE_BREAK = 8
SPACE = 16

# The columns of `count_characters`.
LENGTH, ALNUMS, ALPHAS, SPECIALS, LINES, LONGEST_LINE = range(6)

_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def all_characters(end: int = CODE_POINTS) -> str:
    """Return every code point below `end` in order, surrogates included."""
    return np.arange(end, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@cache
def code_point_flags() -> Bytes:
    """Return the flags of every code point, as Python itself defines them; shape `(0x110000,)`."""
    characters = all_characters(LETTERS_END)
    flags = np.zeros(CODE_POINTS, np.uint8)
    # regular expressions have the same classes of characters as `str`, and find whole runs of them
    for found in re.finditer(r"[^\W_]+", characters):
        flags[found.start() : found.end()] |= ALNUM
        letters = np.frombuffer(bytes(map(str.isalpha, found[0])), bool) if not found[0].isalpha() else True
        flags[found.start() : found.end()] |= np.uint8(ALPHA) * letters
    flags[[found.start() for found in re.finditer(r"\s", characters)]] |= SPACE
    flags[[ord(character) for character in SPECIAL_CHARACTERS]] |= SPECIAL
    flags[[ord(character) for character in _LINE_BREAKS]] |= LINE_BREAK
    flags.flags.writeable = False
    return flags


@kernel
def code_point_at(data: Bytes, i: Int) -> tuple[Int, int]:
    """Return the code point that starts at byte `i` of valid UTF-8, and its width in bytes."""
    first = np.int64(data[i])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | np.int64(data[i + 1] & 0x3F), 2
    if first < 0xF0:
        return (first & 0x0F) << 12 | np.int64(data[i + 1] & 0x3F) << 6 | np.int64(data[i + 2] & 0x3F), 3
    high = (first & 0x07) << 18 | np.int64(data[i + 1] & 0x3F) << 12
    return high | np.int64(data[i + 2] & 0x3F) << 6 | np.int64(data[i + 3] & 0x3F), 4


@kernel
def decode(data: Bytes, start: Int, end: Int, out: Int32s) -> int:
    """Write the code points of a row to `out` and return their number."""
    count = 0
    i = np.int64(start)
    while i < end:
        point, width = code_point_at(data, i)
        out[count] = point
        count += 1
        i += width
    return count


@kernel
def count_characters(data: Bytes, offsets: Int32s, flags: Bytes) -> Int64s:
    r"""Count the characters, classes of characters and lines of every row in one walk.

    Returns
    -------
    Counts with the columns `LENGTH … LONGEST_LINE`, shape `(rows, 6)`. Lines are those of `str.splitlines`: a line
    break belongs to no line, `\r\n` is one break, and a break at the very end starts no further line.
    """
    out = np.zeros((len(offsets) - 1, 6), np.int64)
    for row in range(len(offsets) - 1):
        length = alnums = alphas = specials = lines = line = longest = 0
        previous: Int = 0
        i = np.int64(offsets[row])
        while i < offsets[row + 1]:
            point, width = code_point_at(data, i)
            i += width
            flag = flags[point]
            length += 1
            alnums += flag & ALNUM
            alphas += (flag & ALPHA) >> 1
            specials += (flag & SPECIAL) >> 2
            if not flag & LINE_BREAK:
                line += 1
            elif not (point == 10 and previous == 13):
                lines += 1
                longest = max(longest, line)
                line = 0
            previous = point
        if line:
            lines += 1
            longest = max(longest, line)
        out[row, LENGTH] = length
        out[row, ALNUMS] = alnums
        out[row, ALPHAS] = alphas
        out[row, SPECIALS] = specials
        out[row, LINES] = lines
        out[row, LONGEST_LINE] = longest
    return out
