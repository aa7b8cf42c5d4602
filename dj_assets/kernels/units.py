"""Split a text into units; adjacent units make a shingle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s
from dj_assets.kernels.code_points import code_point_at
from dj_assets.kernels.jit import kernel

# The ways to split a text into units.
SPACES, SEPARATORS, CHARACTERS, WORDS = range(4)
SPLITS = {"space": SPACES, "punctuation": SEPARATORS, "character": CHARACTERS, "word": WORDS}


class Units(NamedTuple):
    """Hold scratch space for the units of a text: their bytes, and the start and end of each."""

    text: Bytes
    starts: Int64s
    ends: Int64s


@kernel
def _units_between_spaces(data: Bytes, start: Int, end: Int, units: Units) -> int:
    """Write the units between spaces, with one space between them; drop empty units; return the number of units."""
    count = written = 0
    space = True
    for i in range(start, end):
        byte = data[i]
        again, space = space, byte == 32
        # if a space follows a space, the next byte overwrites it: this needs no branch that depends on the text
        kept = not (again and space)
        units.text[written] = byte
        units.ends[count] = written
        count += space and kept
        written += kept
    if not space:
        units.ends[count] = written
        count += 1
    units.starts[0] = 0
    for unit in range(1, count):
        units.starts[unit] = units.ends[unit - 1] + 1
    return count


@kernel
def _units_between_separators(data: Bytes, start: Int, end: Int, separators: Bytes, units: Units) -> int:
    """Write the units between separating characters, with one space between them; keep empty units."""
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
def _words(data: Bytes, start: Int, end: Int, separators: Bytes, units: Units) -> int:
    """Write the units between separating characters, with one space between them; drop empty units."""
    count = written = 0
    inside = False
    i = start
    while i < end:
        point, width = code_point_at(data, i)
        if separators[point]:
            if inside:
                units.ends[count] = written
                units.text[written] = 32
                written += 1
                count += 1
            inside = False
        else:
            if not inside:
                units.starts[count] = written
            inside = True
            for k in range(i, i + width):
                units.text[written] = data[k]
                written += 1
        i += width
    if inside:
        units.ends[count] = written
        count += 1
    return count


@kernel
def _characters(data: Bytes, start: Int, end: Int, units: Units) -> int:
    """Write every character as a unit, with nothing between them."""
    count = 0
    for i in range(start, end):
        units.text[i - start] = data[i]
        if data[i] & 0xC0 != 0x80:
            units.starts[count] = i - start
            count += 1
        units.ends[count - 1] = i - start + 1
    return count


@kernel
def room_for_units(offsets: Int32s, behind: int) -> Units:
    """Return scratch space for the units of the longest row, with `behind` bytes after their text."""
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, np.int64(offsets[row + 1]) - offsets[row])
    return Units(
        np.empty(longest + 1 + behind, np.uint8), np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
    )


@kernel
def split_units(data: Bytes, start: Int, end: Int, split: int, separators: Bytes, units: Units) -> int:
    """Write the units of `data[start:end]` and return their number.

    `split` is `SPACES`, `SEPARATORS` (the code points for which `separators` is not 0), `CHARACTERS`, or `WORDS`, which
    are what is left between `SEPARATORS`.
    """
    if split == SPACES:
        return _units_between_spaces(data, start, end, units)
    if split == WORDS:
        return _words(data, start, end, separators, units)
    if split == SEPARATORS:
        return _units_between_separators(data, start, end, separators, units)
    return _characters(data, start, end, units)
