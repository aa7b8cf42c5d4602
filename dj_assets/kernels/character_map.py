"""Normalize a text as SentencePiece does: map its characters, replace white space by one mark before each word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int32s
from dj_assets.kernels.eights import before_first, eight_of, same, unprintable
from dj_assets.kernels.jit import kernel, uncounted
from dj_assets.kernels.unaligned import eight_bytes, put_eight

# The three bytes of the mark that replaces a space.
MARK_1, MARK_2, MARK_3 = 0xE2, 0x96, 0x81
MARK = 3
# Kinds of ASCII characters that no byte beyond ASCII follows: a character that stays; the space, which becomes a mark.
STAYS, SPACE = 1, 2
# The number of bytes that may be read after the end of a normalized row.
PADDING = 48
_SPACES = eight_of(" ")
_MARK = np.uint64(MARK_1 | MARK_2 << 8 | MARK_3 << 16)


# The state while a row is written: the bytes and words written so far, and whether the last character was a space.
State = tuple[Int, Int, bool]


class CharacterMap(NamedTuple):
    """Hold a map of characters to their replacements: a double array (Aoe 1989, in the form of darts-clone).

    The values of `units` are the start of the replacement in `replacements`, which ends at a zero. `kinds` has `STAYS`
    or `SPACE` for every byte that needs no search in the map when no byte beyond ASCII follows, else 0; shape `(256,)`.
    `plain` tells whether all printable ASCII characters are of these kinds.
    """

    units: npt.NDArray[np.uint32]
    replacements: Bytes
    kinds: Bytes
    plain: bool


class Normalized(NamedTuple):
    """Hold buffers for a normalized row: its bytes and the start of each word, with room for one more start."""

    text: Bytes
    starts: Int32s


def character_map(units: npt.NDArray[np.uint32], replacements: Bytes) -> CharacterMap:
    """Return the map over a double array; an empty double array replaces nothing."""
    kinds = np.zeros(256, np.uint8)
    kinds[:128] = STAYS if not len(units) else _staying(units)
    kinds[ord(" ")] *= SPACE
    return CharacterMap(units, replacements, kinds, bool(kinds[32:127].all()))


@kernel
def _offset(unit: np.uint32) -> np.uint32:
    return np.uint32((unit >> np.uint32(10)) << ((unit & np.uint32(512)) >> np.uint32(6)))


@kernel
def _reach(units: npt.NDArray[np.uint32], data: Bytes, at: Int, end: Int) -> int:
    """Return 1 if no key begins with the bytes and no key is a prefix of them, else 2."""
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
def _staying(units: npt.NDArray[np.uint32]) -> Bytes:
    """Return `STAYS` for every ASCII character that begins no key, whichever ASCII character follows it, else 0."""
    staying, pair = np.zeros(128, np.uint8), np.empty(2, np.uint8)
    for first in range(128):
        free = 0
        for second in range(128):
            pair[0], pair[1] = first, second
            free += _reach(units, pair, 0, 2) == 1
        staying[first] = STAYS if free == 128 else 0
    return staying


@uncounted
def _longest(units: npt.NDArray[np.uint32], data: Bytes, at: Int, end: Int) -> tuple[Int, Int]:
    """Return the length of the longest key that the bytes begin with (0 if there is none) and its value."""
    length: Int = 0
    value: Int = 0
    if not len(units):
        return length, value
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
def _enlarged(room: Normalized, size: Int) -> Normalized:
    """Return buffers of more than `size` bytes with the content of these; unused memory is not touched."""
    larger = 2 * size + PADDING
    text, starts = np.empty(larger, np.uint8), np.empty(larger // MARK + 2, np.int32)
    text[: len(room.text)] = room.text
    starts[: len(room.starts)] = room.starts
    return Normalized(text, starts)


@uncounted
def _write(text: Bytes, starts: Int32s, state: State, source: Bytes, begin: Int, stop: Int) -> State:
    """Write the replacement of a character; its spaces become marks."""
    written, words, after_space = state
    while after_space and begin < stop and source[begin] == 32:
        begin += 1
    for k in range(begin, stop):
        if source[k] == 32:
            text[written], text[written + 1], text[written + 2] = MARK_1, MARK_2, MARK_3
            starts[words] = written
            written, words = written + MARK, words + 1
            continue
        text[written] = source[k]
        written += 1
        # the text itself may contain a mark
        if source[k] == MARK_3 and text[written - 2] == MARK_2 and text[written - 3] == MARK_1:
            starts[words] = written - MARK
            words += 1
    return written, words, source[stop - 1] == 32 if begin < stop else after_space


@uncounted
def _write_plain(data: Bytes, at: Int, end: Int, text: Bytes, starts: Int32s, state: State) -> tuple[Int, State]:
    """Write printable ASCII characters up to one that is not, or that a byte beyond ASCII follows."""
    written, words, after_space = state
    enough = len(text) - PADDING
    while at + 10 <= end and written + MARK <= enough:
        eight = eight_bytes(data, at)
        count = before_first(unprintable(eight) | same(eight, _SPACES))
        behind = data[at + count]
        # a byte beyond ASCII may change the character before it
        count -= behind >= 128
        if count > 0:
            # what is too much is overwritten
            put_eight(eight, text, written)
            at, written, after_space = at + count, written + count, False
        if behind == 32 and data[at + 1] < 128:
            put_eight(_MARK, text, written)
            starts[words] = written
            written, words = written + (0 if after_space else MARK), words + (not after_space)
            at, after_space = at + 1, True
        elif count < 8:
            break
    return at, (written, words, after_space)


@uncounted
def _write_row(
    data: Bytes, at: Int, end: Int, table: CharacterMap, room: Normalized, state: State
) -> tuple[Int, State]:
    """Write as many characters as the buffers hold; return the position of the first that is not written."""
    units, replacements, kinds, text, starts = table.units, table.replacements, table.kinds, room.text, room.starts
    written, words, after_space = state
    enough = len(text) - PADDING
    while at < end and written + MARK <= enough:
        byte = data[at]
        kind = kinds[byte]
        if kind and (at + 1 == end or data[at + 1] < 128):
            if table.plain and at + 10 <= end:
                before = at
                at, (written, words, after_space) = _write_plain(
                    data, at, end, text, starts, (written, words, after_space)
                )
                if at > before:
                    continue
            if kind == STAYS:
                text[written] = byte
                written += 1
                after_space = False
            elif not after_space:
                text[written], text[written + 1], text[written + 2] = MARK_1, MARK_2, MARK_3
                starts[words] = written
                written, words = written + MARK, words + 1
                after_space = True
            at += 1
            continue
        length, value = _longest(units, data, at, end)
        stop = value
        while length and replacements[stop]:
            stop += 1
        width = length if length else _width(np.int64(byte))
        if written + MARK * max(stop - value, width) > enough:
            break
        if length:
            written, words, after_space = _write(text, starts, (written, words, after_space), replacements, value, stop)
        else:
            written, words, after_space = _write(text, starts, (written, words, after_space), data, at, at + width)
        at += width
    return at, (written, words, after_space)


@kernel
def normalized(data: Bytes, start: Int, end: Int, table: CharacterMap, room: Normalized) -> tuple[Normalized, Int, Int]:
    """Write a normalized row to `room`, or to larger buffers instead; return the buffers, the bytes and the words.

    Every word has a mark before it, and the row does not end with a mark. A row of white space only has no bytes. Every
    mark begins a word, also a mark that the row itself contains.
    """
    if len(room.text) < end - start + 2 * PADDING:
        room = _enlarged(room, end - start + PADDING)
    room.text[0], room.text[1], room.text[2] = MARK_1, MARK_2, MARK_3
    room.starts[0] = 0
    at, state = _write_row(data, np.int64(start), end, table, room, (MARK, 1, True))
    while at < end:
        room = _enlarged(room, len(room.text))
        at, state = _write_row(data, at, end, table, room, state)
    written, words, _ = state
    text = room.text
    while written >= 3 and text[written - 3] == MARK_1 and text[written - 2] == MARK_2 and text[written - 1] == MARK_3:
        written, words = written - MARK, words - 1
    return room, written, words
