"""Find the lines that ftfy may have to repair: all that are not proven to need at most single replacements."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.code_points import code_point_at
from dj_assets.kernels.jit import inlined, kernel, uncounted
from dj_assets.kernels.unaligned import first_bytes

# The kinds of characters: left as it is, replaced by ASCII, left unless normalization moves it, any other.
SAFE, REPLACED, MARK, ASK = range(4)
# The reasons why a line is doubtful: a mark, a suspicious pair, a `\r` at its end, something else.
MARKED, SUSPICIOUS, RETURN, UNSAFE = 1, 2, 4, 8
DOUBT = MARKED | SUSPICIOUS | RETURN | UNSAFE
# Other findings: `<` in this line or before it, `&`, a character to replace.
MARKUP, AMPERSAND, REPLACEMENT = 16, 32, 64
_SEEN = np.array([0, REPLACEMENT, MARKED, UNSAFE], np.uint8)

_LONGEST_ENTITY = 24
# One bit in each of eight bytes.
_ONES, _HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_DELETE, _AMPERSAND, _BRACKET = np.uint64(127), np.uint64(38), np.uint64(60)


class Characters(NamedTuple):
    """Hold the class of code points, the kind of each class, and the signs of mojibake it may be first or second of.

    Characters beyond the table are of the kind `ASK`.
    """

    classes: npt.NDArray[np.uint16]
    kinds: Bytes
    first: UInt64s
    second: UInt64s


@uncounted
def _is_entity(data: Bytes, ampersand: Int, end: Int) -> bool:
    """Return whether an ampersand begins what looks like an HTML entity: `&name;` or `&#digits;`."""
    i = ampersand + 1
    if i < end and data[i] == 35:
        i += 1
    start = i
    while i < end and i - start <= _LONGEST_ENTITY:
        byte = data[i]
        if not (48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122):
            break
        i += 1
    return bool(start < i <= start + _LONGEST_ENTITY and i < end and data[i] == 59)


@uncounted
def _seen_in_ascii(data: Bytes, i: Int, end: Int, seen: Int, table: Characters) -> int:
    """Return the findings that a character other than a letter, digit or bracket adds to its line."""
    byte = data[i]
    if byte == 60:
        return MARKUP
    if byte == 38:
        return AMPERSAND | (UNSAFE if not seen & MARKUP and _is_entity(data, i, end) else 0)
    if byte == 13 and i + 1 < end and data[i + 1] == 10:
        return RETURN
    return 0 if table.kinds[table.classes[byte]] == SAFE else UNSAFE


@inlined
def _flags_of_bytes(eight: np.uint64, byte: np.uint64) -> np.uint64:
    """Return a number whose lowest bit is in the first of eight bytes that equals `byte`, 0 if none does."""
    other = eight ^ byte * _ONES
    return (other - _ONES) & ~other & _HIGH_BITS


@uncounted
def _plain_end(data: Bytes, i: Int, end: Int) -> Int:
    """Return the end of a run of printable ASCII without `&` and `<`: eight bytes at a time, then singly."""
    while i + 8 <= end:
        eight = first_bytes(data, i, 8)
        control = (eight - np.uint64(32) * _ONES) & ~eight
        ends = _flags_of_bytes(eight, _DELETE) | _flags_of_bytes(eight, _AMPERSAND) | _flags_of_bytes(eight, _BRACKET)
        if (eight | control) & _HIGH_BITS | ends:
            break
        i += 8
    while i < end and (39 <= data[i] < 127 or 32 <= data[i] < 38) and data[i] != 60:
        i += 1
    return i


@uncounted
def _line(data: Bytes, start: Int, end: Int, seen: Int, table: Characters) -> tuple[Int, Int]:
    """Return the end of a line and its findings."""
    before = np.uint64(0)
    i = start
    while i < end:
        if not before:
            i = _plain_end(data, i, end)
            if i == end:
                break
        point, width = code_point_at(data, i)
        if point >= len(table.classes):
            seen |= UNSAFE
            before = np.uint64(0)
            i += width
            continue
        class_ = table.classes[point]
        if before & table.second[class_]:
            seen |= SUSPICIOUS
        before = table.first[class_]
        if width > 1:
            seen |= _SEEN[table.kinds[class_]]
        elif not (39 <= point < 60 or 60 < point < 127):
            seen |= _seen_in_ascii(data, i, end, seen, table)
            if point == 10:
                return i + 1, seen
        i += width
    return end, seen


@kernel
def doubtful_lines(data: Bytes, offsets: Int32s, table: Characters) -> tuple[Int64s, Int64s, Bytes, bool]:
    r"""Find the lines (up to and with `\n`) that ftfy has to check.

    For every other line, it is proven that ftfy changes it only by single replacements: it has no control character,
    entity or sign of mojibake, and no character that normalization could change or move.

    Returns
    -------
    Start and end of each doubtful line in `data` and its findings (`MARKUP` from a line before it, all others from the
    line), of equal lengths and in order; and whether any line has a character to replace.
    """
    starts, ends, seen = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.uint8)
    count = 0
    replacement = False
    for row in range(len(offsets) - 1):
        markup: Int = np.int64(0)
        i: Int = np.int64(offsets[row])
        while i < offsets[row + 1]:
            start = i
            i, here = _line(data, start, np.int64(offsets[row + 1]), markup, table)
            replacement |= here & REPLACEMENT != 0
            if here & REPLACEMENT and here & AMPERSAND:
                here |= UNSAFE  # a replacement may complete an entity
            if here & DOUBT:
                if count == len(starts):
                    starts, ends = np.concatenate((starts, starts)), np.concatenate((ends, ends))
                    seen = np.concatenate((seen, seen))
                starts[count], ends[count] = start, i
                seen[count] = here & (DOUBT | REPLACEMENT) | markup
                count += 1
            markup = here & MARKUP
    return starts[:count], ends[:count], seen[:count], replacement
