"""Strip characters off the ends of texts, and replace characters one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s
from dj_assets.kernels.code_points import CODE_POINTS, code_point_at
from dj_assets.kernels.jit import kernel

KEPT = 255


class Replacements(NamedTuple):
    """Hold replacements of code points: `which[point]` is `KEPT` or the index of its row in (`text`, `offsets`)."""

    which: Bytes
    text: Bytes
    offsets: Int32s


def replacements(table: Mapping[str, str]) -> Replacements:
    """Return the arrays of a table of up to 254 different replacements; an empty replacement deletes."""
    index = np.full(CODE_POINTS, KEPT, np.uint8)
    texts = sorted(set(table.values()))
    for character, text in table.items():
        index[ord(character)] = texts.index(text)
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)])
    return Replacements(index, np.frombuffer(bytearray(b"".join(encoded)), np.uint8), ends.astype(np.int32))


def all_deleted_but(kept: str) -> Replacements:
    """Return the arrays that delete every character except those of `kept`."""
    index = np.zeros(CODE_POINTS, np.uint8)
    index[[ord(character) for character in kept]] = KEPT
    return Replacements(index, np.zeros(0, np.uint8), np.zeros(2, np.int32))


@kernel
def row_bounds(offsets: Int32s) -> tuple[Int64s, Int64s]:
    """Return the start and end of every row."""
    return offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)


@kernel
def strip(data: Bytes, offsets: Int32s, flags: Bytes, stripped: int) -> tuple[Int64s, Int64s]:
    """Return the start and end of every row without the characters at its ends that have a flag of `stripped`."""
    starts = offsets[:-1].astype(np.int64)
    ends = offsets[1:].astype(np.int64)
    for row in range(len(starts)):
        start, end = starts[row], ends[row]
        while start < end:
            point, width = code_point_at(data, start)
            if not flags[point] & stripped:
                break
            start += width
        while start < end:
            last = end - 1
            while data[last] & 0xC0 == 0x80:
                last -= 1
            point, _ = code_point_at(data, last)
            if not flags[point] & stripped:
                break
            end = last
        starts[row], ends[row] = start, end
    return starts, ends


@kernel
def gather(data: Bytes, starts: Int64s, ends: Int64s) -> tuple[Bytes, Int64s]:
    """Return the concatenated bytes between `starts` and `ends`, and the offsets of the rows."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    for row in range(len(starts)):
        offsets[row + 1] = offsets[row] + ends[row] - starts[row]
    out = np.empty(offsets[-1], np.uint8)
    for row in range(len(starts)):
        shift = offsets[row] - starts[row]
        for i in range(starts[row], ends[row]):
            out[i + shift] = data[i]
    return out, offsets


@kernel
def replaced_offsets(data: Bytes, starts: Int64s, ends: Int64s, table: Replacements) -> tuple[Int64s, int]:
    """Return the offsets of the rows after replacement, and the number of replaced characters."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    replaced = 0
    for row in range(len(starts)):
        size = 0
        i = starts[row]
        while i < ends[row]:
            point, width = code_point_at(data, i)
            which = table.which[point]
            if which == KEPT:
                size += width
            else:
                replaced += 1
                size += table.offsets[which + 1] - table.offsets[which]
            i += width
        offsets[row + 1] = offsets[row] + size
    return offsets, replaced


@kernel
def replace(data: Bytes, starts: Int64s, ends: Int64s, table: Replacements, size: Int) -> Bytes:
    """Return the bytes of all rows after replacement, `size` in all."""
    out = np.empty(size, np.uint8)
    written = 0
    for row in range(len(starts)):
        i = starts[row]
        while i < ends[row]:
            point, width = code_point_at(data, i)
            which = table.which[point]
            if which == KEPT:
                for k in range(i, i + width):
                    out[written] = data[k]
                    written += 1
            else:
                for k in range(table.offsets[which], table.offsets[which + 1]):
                    out[written] = table.text[k]
                    written += 1
            i += width
    return out


def replace_characters(data: Bytes, starts: Int64s, ends: Int64s, table: Replacements) -> tuple[Bytes, Int64s] | None:
    """Return the replaced bytes and row offsets, or None if no character is replaced."""
    offsets, replaced = replaced_offsets(data, starts, ends, table)
    return (replace(data, starts, ends, table, offsets[-1]), offsets) if replaced else None
