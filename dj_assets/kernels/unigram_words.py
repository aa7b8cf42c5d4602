"""Cut texts into the pieces of a unigram model as SentencePiece does (Kudo 2018), with words cached.

SentencePiece adds the scores of pieces over the whole text in single precision. So if two segmentations of a word are
nearly equal, the text before the word decides. Here a word is cached with its pieces and with a limit: for a sum before
the word up to this limit, rounding cannot change the pieces. Beyond the limit, and for words that are not cached, the
search is that of the library, from the same sum. So the pieces always equal the library's. No piece may cross the
beginning of a word.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s, UInt64s, zeros_in_lines
from dj_assets.kernels.character_map import MARK, CharacterMap, Normalized, normalized
from dj_assets.kernels.jit import inlined, kernel, uncounted
from dj_assets.kernels.unaligned import first_bytes, prefetch
from dj_assets.kernels.unigram import RESET, RING, Floats, Unigram, cut_word, length_of, margin_of, piece_of, width_of

AnyArray = TypeVar("AnyArray", Int32s, Int64s, Bytes)

# Longer words, and words of more pieces, are rare and are cut each time.
LONGEST_REMEMBERED, MOST_PIECES = 24, 12
# A cached word is eight numbers of 64 bits, a line of a processor's cache: three of letters, one of shape and limit,
# and four of pieces, three in each.
_LINE, _SHAPE, _PIECES = 8, 3, 4
_PIECE_BITS = np.uint64(21)
# The most pieces that a model may have.
MOST_KINDS = 1 << 21
_PIECE = np.uint64(MOST_KINDS - 1)
# The limit is the upper half of its number; the lower half is the shape.
_LIMIT = 2 * _SHAPE + 1
_SIZE, _COUNT, _UNKNOWN = np.uint64(0xFF), np.uint64(8), np.uint64(1 << 16)
_LOWER = np.uint64(0xFFFFFFFF)
# Two sums of n numbers can be off by n times this factor of the larger sum: each step rounds both to 24 bits.
_ROUNDING = 2.0**-23
_SPREAD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class PieceMemo(NamedTuple):
    """Cache of recent words, one line each. A word has a pair of lines; the first is for the word that was used again.

    A line has the word's letters without the mark, up to 24 bytes, padded with zeros; its shape, which is one more than
    the number of letters, the number of pieces from bit 8 on, and bit 16 if one of them is unknown; the largest sum
    before the word for which the pieces are valid; and the pieces. `limits` is the memory of `lines`.
    """

    lines: UInt64s
    limits: Floats


def new_memo(words: int = 1 << 18) -> PieceMemo:
    """Return an empty cache for up to `words` words, a power of two, with 64 bytes each."""
    lines = zeros_in_lines(_LINE * words)
    return PieceMemo(lines, lines.view(np.float32))


class _Word(NamedTuple):
    """Hold the letters of a word as numbers, and its length in bytes."""

    first: np.uint64
    second: np.uint64
    third: np.uint64
    size: Int


@inlined
def _word_at(text: Bytes, start: Int, size: Int) -> _Word:
    """Return the word of `size` letters that begin at `start`."""
    second = third = np.uint64(0)
    if size > 8:
        second, third = first_bytes(text, start + 8, size - 8), first_bytes(text, start + 16, size - 16)
    return _Word(first_bytes(text, start, size), second, third, size)


@inlined
def _line_of(word: _Word, lines: UInt64s) -> Int:
    """Return the start of the first line of a word."""
    code = word.first ^ (word.second * _SPREAD[1]) ^ (word.third * _SPREAD[2])
    code = (code ^ (code >> np.uint64(32))) * _SPREAD[0]
    return _LINE * (np.int64(code >> np.uint64(32)) & (len(lines) // _LINE - 2))


@uncounted
def _find_lines(text: Bytes, starts: Int32s, lines: UInt64s, found: Int32s) -> Int:
    """Write the line of every word, if it is cached, and begin to load it; return the longest word's length."""
    longest: Int = np.int64(0)
    for position in range(len(starts) - 1):
        start = np.int64(starts[position]) + MARK
        size = np.int64(starts[position + 1]) - start
        at = _line_of(_word_at(text, start, size), lines)
        found[position] = at
        prefetch(lines, at)
        prefetch(lines, at + _LINE)
        longest = max(longest, size)
    return longest


@inlined
def _stands_at(lines: UInt64s, word: _Word, at: Int) -> bool:
    return bool(
        lines[at] == word.first
        and np.int64(lines[at + _SHAPE] & _SIZE) == word.size + 1
        and lines[at + 1] == word.second
        and lines[at + 2] == word.third
    )


@uncounted
def _brought_forward(lines: UInt64s, word: _Word, at: Int) -> bool:
    """Return whether a word is cached; a word in its second line is swapped with the first."""
    if not _stands_at(lines, word, at + _LINE):
        return _stands_at(lines, word, at)
    for k in range(at, at + _LINE):
        lines[k], lines[k + _LINE] = lines[k + _LINE], lines[k]
    return True


class Words(NamedTuple):
    """Hold the starts of a row's words, and last the end of the row; and the first line of each word in the cache."""

    starts: Int32s
    found: Int32s


class Scratch(NamedTuple):
    """Hold arrays to search in, per end in a word: the best piece, its sum, the best and second best sum."""

    cuts: Int32s
    sums: Floats
    best: Doubles
    second: Doubles


@uncounted
def _remember(
    model: Unigram, memo: PieceMemo, word: _Word, line: Int, text: Bytes, start: Int, scratch: Scratch
) -> None:
    """Cache a short word in a line, replacing another word, unless it has too many pieces."""
    cuts, lines = scratch.cuts, memo.lines
    size = MARK + word.size
    margin = margin_of(model, text, start, start + size, cuts, scratch.best, scratch.second)
    count, at = 0, size
    while at > 0:
        at -= length_of(cuts[at])
        count += 1
    if count > MOST_PIECES:
        return
    for k in range(_PIECES, _LINE):
        lines[line + k] = np.uint64(0)
    at, strange = size, False
    for k in range(count - 1, -1, -1):
        piece = piece_of(cuts[at])
        strange |= piece == model.unknown
        lines[line + _PIECES + k // 3] |= np.uint64(piece) << (np.uint64(k % 3) * _PIECE_BITS)
        at -= length_of(cuts[at])
    lines[line + _SHAPE] = np.uint64((word.size + 1) | (count << 8) | (strange << 16))
    sure: float = min(float(margin / ((size + 1) * _ROUNDING)), float(RESET))
    limit: float = sure - (size + 1) * float(model.largest)
    # single precision must not round the limit up
    memo.limits[2 * line + _LIMIT] = limit - abs(limit) * _ROUNDING
    lines[line], lines[line + 1], lines[line + 2] = word.first, word.second, word.third


@uncounted
def _write_cut(size: Int, cuts: Int32s, ids: Int32s, written: Int) -> Int:
    """Write the pieces of a word that was cut, every unknown character as its own piece; return their number."""
    at, count = size, 0
    while at > 0:
        at -= length_of(cuts[at])
        count += 1
    at = size
    for k in range(written + count - 1, written - 1, -1):
        ids[k] = piece_of(cuts[at])
        at -= length_of(cuts[at])
    return count


@kernel
def _with_room(array: AnyArray, used: Int, room: Int) -> AnyArray:
    """Return the array, or a larger one with the same beginning; unused memory is not touched."""
    if used + room <= len(array):
        return array
    larger = np.empty(max(2 * len(array), used + room), array.dtype)
    larger[:used] = array[:used]
    return larger


class Output(NamedTuple):
    """Hold output arrays with room for a row: pieces, bytes of the unknown pieces, ends of these.

    `counts` has the number of elements in each, and the number of pieces before the row.
    """

    ids: Int32s
    letters: Bytes
    ends: Int64s
    counts: Int64s


@inlined
def _piece(lines: UInt64s, line: Int, k: Int) -> Int:
    return np.int64((lines[line + _PIECES + k // 3] >> (np.uint64(k % 3) * _PIECE_BITS)) & _PIECE)


@uncounted
def _write_remembered(
    text: Bytes,
    words: Words,
    memo: PieceMemo,
    scores: Floats,
    ids: Int32s,
    position: Int,
    written: Int,
    before: np.float32,
) -> tuple[Int, Int, np.float32]:
    """Write the pieces of words from `position` on, up to the first that the cache alone cannot answer.

    Return the word at which it stops, the number of pieces, and the sum of their scores.
    """
    lines, limits = memo
    starts, found = words
    while position + 1 < len(starts):
        start = np.int64(starts[position]) + MARK
        size = np.int64(starts[position + 1]) - start
        line = np.int64(found[position])
        word = _word_at(text, start, size)
        if not _stands_at(lines, word, line) and not _brought_forward(lines, word, line):
            break
        shape = lines[line + _SHAPE]
        if shape & _UNKNOWN or abs(before) >= limits[2 * line + _LIMIT]:
            break
        count = np.int64((shape >> _COUNT) & _SIZE)
        for k in range(_PIECES, _LINE):
            three = lines[line + k]
            for _ in range(min(count, np.int64(3))):
                piece = three & _PIECE
                three >>= _PIECE_BITS
                ids[written] = piece
                written += 1
                before = np.float32(scores[piece] + before)
            count -= 3
            if count <= 0:
                break
        position += 1
    return position, written, before


@uncounted
def _encode_row(text: Bytes, words: Words, model: Unigram, memo: PieceMemo, scratch: Scratch, output: Output) -> None:
    """Cut a normalized row into pieces."""
    before = np.float32(0.0)
    lines, limits, scores, ids, counts = memo.lines, memo.limits, model.scores, output.ids, output.counts
    starts, found = words
    position: Int = np.int64(0)
    while True:
        position, counts[0], before = _write_remembered(text, words, memo, scores, ids, position, counts[0], before)
        if position + 1 == len(starts):
            return
        start, end = np.int64(starts[position]), np.int64(starts[position + 1])
        line: Int = -1
        if end - start <= MARK + LONGEST_REMEMBERED:
            word = _word_at(text, start + MARK, end - start - MARK)
            line = np.int64(found[position])
            if not _brought_forward(lines, word, line):
                _remember(model, memo, word, line + _LINE, text, start, scratch)
                if not _brought_forward(lines, word, line):
                    line = np.int64(-1)
        if line >= 0 and abs(before) < limits[2 * line + _LIMIT]:
            count: Int = np.int64((lines[line + _SHAPE] >> _COUNT) & _SIZE)
            for k in range(count):
                piece = _piece(lines, line, k)
                ids[counts[0] + k] = piece
                before = np.float32((model.unknown_score if piece == model.unknown else scores[piece]) + before)
        else:
            before = cut_word(model, text, start, end, before, scratch.cuts, scratch.sums)
            count = _write_cut(end - start, scratch.cuts, ids, counts[0])
        counts[0] += _join_unknown(model, text, start, count, output)
        position += 1


@uncounted
def _join_unknown(model: Unigram, text: Bytes, start: Int, count: Int, output: Output) -> Int:
    """Join adjacent unknown characters in a word's pieces, and write their bytes; return the number of pieces."""
    ids, letters, ends, piece_lengths = output.ids, output.letters, output.ends, model.lengths
    first: Int = output.counts[0]
    spelled: Int = output.counts[1]
    strange: Int = output.counts[2]
    written: Int = first
    for k in range(first, first + count):
        piece = ids[k]
        if piece != model.unknown:
            ids[written] = piece
            written += 1
            start += piece_lengths[piece]
            continue
        width = width_of(text[start])
        for i in range(start, start + width):
            letters[spelled] = text[i]
            spelled += 1
        start += width
        if written == output.counts[3] or ids[written - 1] != model.unknown:
            ids[written] = piece
            written, strange = written + 1, strange + 1
        ends[strange] = spelled
    output.counts[1], output.counts[2] = spelled, strange
    return written - first


@kernel
def encode(
    data: Bytes, offsets: Int32s, table: CharacterMap, model: Unigram, memo: PieceMemo
) -> tuple[Int32s, Int64s, Bytes, Int64s]:
    """Cut every row into pieces; adjacent unknown characters make one piece.

    Returns
    -------
    The pieces of all rows; the start of each row's pieces, shape `(rows + 1,)`; the bytes of the unknown pieces, as
    normalized, and the start of each, shape `(unknown pieces + 1,)`.
    """
    ids, letters, ends = np.empty(len(data) // 3 + 64, np.int32), np.empty(64, np.uint8), np.zeros(64, np.int64)
    counts, rows = np.zeros(4, np.int64), np.zeros(len(offsets), np.int64)
    room = Normalized(np.empty(0, np.uint8), np.empty(0, np.int32))
    cuts, sums = np.zeros(1024, np.int32), np.empty(RING, np.float32)
    found = np.empty(256, np.int32)
    longest = MARK + LONGEST_REMEMBERED + 1
    best, second = np.empty(longest), np.empty(longest)
    for row in range(len(offsets) - 1):
        room, size, words = normalized(data, offsets[row], offsets[row + 1], table, room)
        room.starts[words] = size
        ids, letters = _with_room(ids, counts[0], size), _with_room(letters, counts[1], size)
        ends = _with_room(ends, counts[2] + 1, size)
        found = _with_room(found, np.int64(0), words)
        output = Output(ids, letters, ends, counts)
        row_words = Words(room.starts[: words + 1], found)
        longest_word = _find_lines(room.text, row_words.starts, memo.lines, found)
        cuts = _with_room(cuts, np.int64(0), MARK + longest_word + 1)
        _encode_row(room.text, row_words, model, memo, Scratch(cuts, sums, best, second), output)
        rows[row + 1] = counts[3] = counts[0]
    return ids[: counts[0]], rows, letters[: counts[1]], ends[: counts[2] + 1]
