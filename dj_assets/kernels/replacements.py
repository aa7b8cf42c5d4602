"""Strip characters off the ends of texts, and replace characters one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s
from dj_assets.kernels.code_points import CODE_POINTS, code_point_at
from dj_assets.kernels.eights import unprintable
from dj_assets.kernels.jit import inlined, kernel, uncounted
from dj_assets.kernels.unaligned import eight_bytes, put_eight

KEPT = 255


class Replacements(NamedTuple):
    """Hold replacements of code points: `which[point]` is `KEPT` or the index of its row in (`text`, `offsets`).

    `plain` tells whether all printable ASCII characters are kept.
    """

    which: Bytes
    text: Bytes
    offsets: Int32s
    plain: bool


def replacements(table: Mapping[str, str]) -> Replacements:
    """Return the arrays of a table of up to 254 different replacements; an empty replacement deletes."""
    index = np.full(CODE_POINTS, KEPT, np.uint8)
    texts = sorted(set(table.values()))
    for character, text in table.items():
        index[ord(character)] = texts.index(text)
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)])
    replaced = np.frombuffer(bytearray(b"".join(encoded)), np.uint8)
    return Replacements(index, replaced, ends.astype(np.int32), bool((index[32:127] == KEPT).all()))


def all_deleted_but(kept: str) -> Replacements:
    """Return the arrays that delete every character except those of `kept`."""
    index = np.zeros(CODE_POINTS, np.uint8)
    index[[ord(character) for character in kept]] = KEPT
    return Replacements(index, np.zeros(0, np.uint8), np.zeros(2, np.int32), plain=False)


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


@inlined
def _plain_end(data: Bytes, i: Int, end: Int) -> Int:
    """Return a place up to which all characters are printable ASCII; the next eight bytes are not all of this kind."""
    while i + 8 <= end and not unprintable(eight_bytes(data, i)):
        i += 8
    return i


@uncounted
def _count(data: Bytes, start: Int, end: Int, table: Replacements) -> tuple[Int, Int]:
    """Return the size of a row after replacement, and the number of replaced characters."""
    which, _, offsets, plain = table
    size: Int = end - start
    replaced: Int = np.int64(0)
    i = start
    while i < end:
        if plain and data[i] < 128:
            i = _plain_end(data, i, end)
            if i == end:
                break
        point, width = code_point_at(data, i)
        row = which[point]
        if row != KEPT:
            replaced += 1
            size += np.int64(offsets[row + 1]) - offsets[row] - width
        i += width
    return size, replaced


@kernel
def replaced_offsets(data: Bytes, starts: Int64s, ends: Int64s, table: Replacements) -> tuple[Int64s, Int]:
    """Return the offsets of the rows after replacement, and the number of replaced characters."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    replaced: Int = np.int64(0)
    for row in range(len(starts)):
        size, count = _count(data, starts[row], ends[row], table)
        offsets[row + 1] = offsets[row] + size
        replaced += count
    return offsets, replaced


@uncounted
def _write(data: Bytes, start: Int, end: Int, table: Replacements, out: Bytes, written: Int) -> None:
    """Write a row after replacement to `out`, from `written` on."""
    which, text, offsets, plain = table
    i = start
    while i < end:
        if plain and data[i] < 128:
            first, i = i, _plain_end(data, i, end)
            for k in range(first, i, 8):
                put_eight(eight_bytes(data, k), out, written)
                written += 8
            if i == end:
                break
        point, width = code_point_at(data, i)
        row = which[point]
        if row == KEPT:
            for k in range(i, i + width):
                out[written] = data[k]
                written += 1
        else:
            for k in range(offsets[row], offsets[row + 1]):
                out[written] = text[k]
                written += 1
        i += width


@kernel
def replace(data: Bytes, starts: Int64s, ends: Int64s, table: Replacements, offsets: Int64s) -> Bytes:
    """Return the bytes of all rows after replacement; `offsets` are those of `replaced_offsets`."""
    out = np.empty(offsets[-1], np.uint8)
    for row in range(len(starts)):
        _write(data, starts[row], ends[row], table, out, offsets[row])
    return out


def replace_characters(data: Bytes, starts: Int64s, ends: Int64s, table: Replacements) -> tuple[Bytes, Int64s] | None:
    """Return the replaced bytes and row offsets, or None if no character is replaced."""
    offsets, replaced = replaced_offsets(data, starts, ends, table)
    return (replace(data, starts, ends, table, offsets), offsets) if replaced else None
