"""Normalizing a text as SentencePiece does: characters by its map, white space to one mark before each word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int
from dj_assets.kernels.jit import kernel

# The three bytes of the mark that stands for a space.
MARK_1, MARK_2, MARK_3 = 0xE2, 0x96, 0x81


class CharacterMap(NamedTuple):
    """A map of characters: a double array (Aoe 1989, as darts-clone stores it) of what is replaced, and by what.

    The values of `units` are where the replacement begins in `replacements`, up to a zero. `plain` has a 1 for every
    ASCII byte that stays as it is, when no byte beyond ASCII follows; shape `(256,)`.
    """

    units: npt.NDArray[np.uint32]
    replacements: Bytes
    plain: Bytes


def character_map(units: npt.NDArray[np.uint32], replacements: Bytes) -> CharacterMap:
    """Return the map over a double array; of an empty one nothing is replaced."""
    plain = np.zeros(256, np.uint8)
    plain[:128] = 1 if not len(units) else _plain(units)
    plain[ord(" ")] = 0
    return CharacterMap(units, replacements, plain)


def _plain(units: npt.NDArray[np.uint32]) -> list[bool]:
    pairs = [np.array([first, second], np.uint8) for first in range(128) for second in range(128)]
    reached = np.array([_reach(units, pair, 0, 2) for pair in pairs]).reshape(128, 128)
    return [bool((row == 1).all()) for row in reached]


@kernel
def _offset(unit: np.uint32) -> np.uint32:
    return np.uint32((unit >> np.uint32(10)) << ((unit & np.uint32(512)) >> np.uint32(6)))


@kernel
def _reach(units: npt.NDArray[np.uint32], data: Bytes, at: Int, end: Int) -> int:
    """Return 1 where no key begins with the bytes, nor is the first of them; else 2."""
    node = _offset(units[0])
    for k in range(at, end):
        node ^= np.uint32(data[k])
        unit = units[node]
        if unit & np.uint32(0x800000FF) != np.uint32(data[k]):
            return 1
        node ^= _offset(unit)
        if unit & np.uint32(256):
            return 2
    return 2


@kernel
def _longest(units: npt.NDArray[np.uint32], data: Bytes, at: Int, end: Int) -> tuple[Int, Int]:
    """Return the length of the longest key that the bytes begin with, 0 for none, and its value."""
    length: Int = 0
    value: Int = 0
    node = _offset(units[0])
    for k in range(at, end):
        node ^= np.uint32(data[k])
        unit = units[node]
        if unit & np.uint32(0x800000FF) != np.uint32(data[k]):
            break
        node ^= _offset(unit)
        if unit & np.uint32(256):
            length = k + 1 - at
            value = np.int64(units[node] & np.uint32(0x7FFFFFFF))
    return length, value


@kernel
def _width(first: Int) -> int:
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


@kernel
def _grown(out: Bytes, room: Int) -> Bytes:
    if room <= len(out):
        return out
    larger = np.empty(2 * room, np.uint8)
    larger[: len(out)] = out
    return larger


@kernel
def normalized(data: Bytes, start: Int, end: Int, table: CharacterMap, out: Bytes) -> tuple[Bytes, Int]:
    """Write the normalized bytes of a row to `out`, or to a larger array in its place; return it and their number.

    A mark stands before every word, none at the end; the row of nothing but white space has no bytes.
    """
    out = _grown(out, end - start + 64)
    out[0], out[1], out[2] = MARK_1, MARK_2, MARK_3
    written: Int = 3
    after_space = True
    at: Int = np.int64(start)
    while at < end:
        if table.plain[data[at]] and (at + 1 == end or data[at + 1] < 128):
            out[written] = data[at]
            written += 1
            at += 1
            after_space = False
            continue
        length: Int = 0
        value: Int = 0
        if len(table.units):
            length, value = _longest(table.units, data, at, end)
        source, begin = data, at
        stop: Int = at + _width(np.int64(data[at]))
        if length:
            source, begin, stop = table.replacements, value, value
            while source[stop]:
                stop += 1
        at += length if length else stop - at
        while after_space and begin < stop and source[begin] == 32:
            begin += 1
        # there is always room for what is left to stay as it is
        out = _grown(out, written + 3 * (stop - begin) + (end - at) + 8)
        for k in range(begin, stop):
            if source[k] == 32:
                out[written], out[written + 1], out[written + 2] = MARK_1, MARK_2, MARK_3
                written += 3
            else:
                out[written] = source[k]
                written += 1
        if begin < stop:
            after_space = source[stop - 1] == 32
    while written >= 3 and out[written - 3] == MARK_1 and out[written - 2] == MARK_2 and out[written - 1] == MARK_3:
        written -= 3
    return out, written
