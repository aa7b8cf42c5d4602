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

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.character_map import MARK, CharacterMap, Normalized, normalized
from dj_assets.kernels.jit import inlined, kernel, uncounted
from dj_assets.kernels.unaligned import first_bytes
from dj_assets.kernels.unigram import RESET, RING, Floats, Unigram, cut_word, margin_of, piece_at, width_of

AnyArray = TypeVar("AnyArray", Int32s, Int64s, Bytes)

# Longer words, and words of more pieces, are rare and are cut each time.
LONGEST_REMEMBERED = 32
MOST_PIECES = 22
# The number of 64-bit numbers of a cached word: two lines of a processor's cache.
_LINE = 16
# The index of shape, limit and pieces in a line, in numbers of 32 bits.
_SHAPE, _LIMIT, _PIECES = 8, 9, 10
# A larger shape is that of a word with an unknown piece.
_UNKNOWN = 0xFFFF
# Two sums of n numbers can be off by n times this factor of the larger sum: each step rounds both to 24 bits.
_ROUNDING = 2.0**-23
_SPREAD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class PieceMemo(NamedTuple):
    """Cache of recent words, one line each. A word has a pair of lines; the first is for the word that was used again.

    A line has the word's letters without the mark, up to 32 bytes, padded with zeros; its shape, which is one more than
    the number of letters, the number of pieces from bit 8 on, and bit 16 if one of them is unknown; the largest sum
    before the word for which the pieces are valid; and the pieces. The three arrays are the same memory, by type.
    """

    letters: UInt64s
    pieces: Int32s
    limits: Floats


def new_memo(words: int = 1 << 17) -> PieceMemo:
    """Return an empty cache for up to `words` words, a power of two, with 128 bytes each."""
    lines = np.zeros(_LINE * words, np.uint64)
    return PieceMemo(lines, lines.view(np.int32), lines.view(np.float32))


class _Word(NamedTuple):
    """Hold the letters of a word as numbers, its length in bytes, and the start of the first of its lines."""

    first: np.uint64
    second: np.uint64
    third: np.uint64
    fourth: np.uint64
    size: Int
    at: Int


@inlined
def _word_at(text: Bytes, start: Int, size: Int, lines: Int) -> _Word:
    """Return the word of `size` letters that begin at `start`, in the form of a cache of `lines` numbers."""
    first = first_bytes(text, start, size)
    second = third = fourth = np.uint64(0)
    code = first
    if size > 8:
        second = first_bytes(text, start + 8, size - 8)
        code ^= second * _SPREAD[1]
    if size > 16:
        third, fourth = first_bytes(text, start + 16, size - 16), first_bytes(text, start + 24, size - 24)
        code ^= (third * _SPREAD[2]) ^ ((fourth * _SPREAD[1]) >> np.uint64(7))
    code = (code ^ (code >> np.uint64(32))) * _SPREAD[0]
    return _Word(first, second, third, fourth, size, _LINE * (np.int64(code >> np.uint64(32)) & (lines - 2)))


@inlined
def _stands_at(letters: UInt64s, pieces: Int32s, word: _Word, at: Int) -> bool:
    return bool(
        letters[at] == word.first
        and letters[at + 1] == word.second
        and pieces[2 * at + _SHAPE] & 0xFF == word.size + 1
        and (word.size <= 16 or (letters[at + 2] == word.third and letters[at + 3] == word.fourth))
    )


@uncounted
def _brought_forward(letters: UInt64s, pieces: Int32s, word: _Word) -> bool:
    """Return whether a word is cached; a word in its second line is swapped with the first."""
    if not _stands_at(letters, pieces, word, word.at + _LINE):
        return _stands_at(letters, pieces, word, word.at)
    for k in range(word.at, word.at + _LINE):
        letters[k], letters[k + _LINE] = letters[k + _LINE], letters[k]
    return True


class Scratch(NamedTuple):
    """Hold arrays to search in, per end in a word: length of the best piece, its sum, the best and second best sum."""

    lengths: Bytes
    sums: Floats
    best: Doubles
    second: Doubles


@uncounted
def _remember(model: Unigram, memo: PieceMemo, word: _Word, text: Bytes, start: Int, scratch: Scratch) -> None:
    """Cache a short word in the second of its lines, replacing another word, unless it has too many pieces."""
    lengths, pieces = scratch.lengths, memo.pieces
    size = MARK + word.size
    margin = margin_of(model, text, start, start + size, lengths, scratch.best, scratch.second)
    count, at = 0, size
    while at > 0:
        at -= np.int64(lengths[at])
        count += 1
    if count > MOST_PIECES:
        return
    line = word.at + _LINE
    at, strange = size, False
    for k in range(count - 1, -1, -1):
        length = np.int64(lengths[at])
        piece = piece_at(model, text, start + at - length, start + at)
        strange |= piece == model.unknown
        pieces[2 * line + _PIECES + k] = piece
        at -= length
    pieces[2 * line + _SHAPE] = (word.size + 1) | (count << 8) | (strange << 16)
    sure: float = min(float(margin / ((size + 1) * _ROUNDING)), float(RESET))
    limit: float = sure - (size + 1) * float(model.largest)
    # single precision must not round the limit up
    memo.limits[2 * line + _LIMIT] = limit - abs(limit) * _ROUNDING
    letters = memo.letters[line : line + 4]
    letters[0], letters[1], letters[2], letters[3] = word.first, word.second, word.third, word.fourth


@uncounted
def _write_cut(model: Unigram, text: Bytes, start: Int, end: Int, lengths: Bytes, ids: Int32s, written: Int) -> Int:
    """Write the pieces of a word that was cut, every unknown character as its own piece; return their number."""
    at, count = end - start, 0
    while at > 0:
        at -= np.int64(lengths[at])
        count += 1
    at = end - start
    for k in range(written + count - 1, written - 1, -1):
        length = np.int64(lengths[at])
        ids[k] = piece_at(model, text, start + at - length, start + at)
        at -= length
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


@uncounted
def _write_remembered(
    text: Bytes,
    starts: Int32s,
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
    letters, pieces, limits = memo
    while position + 1 < len(starts):
        start = np.int64(starts[position]) + MARK
        size = np.int64(starts[position + 1]) - start
        if size > LONGEST_REMEMBERED:
            break
        word = _word_at(text, start, size, len(letters) // _LINE)
        if not _stands_at(letters, pieces, word, word.at) and not _brought_forward(letters, pieces, word):
            break
        shape = pieces[2 * word.at + _SHAPE]
        if shape > _UNKNOWN or abs(before) >= limits[2 * word.at + _LIMIT]:
            break
        first = 2 * word.at + _PIECES
        for k in range(first, first + (shape >> 8)):
            ids[written] = pieces[k]
            written += 1
            before = np.float32(scores[pieces[k]] + before)
        position += 1
    return position, written, before


@uncounted
def _encode_row(text: Bytes, starts: Int32s, model: Unigram, memo: PieceMemo, scratch: Scratch, output: Output) -> None:
    """Cut a normalized row into pieces; its words begin at all `starts` but the last, which is the end of the row."""
    before = np.float32(0.0)
    letters, pieces, limits, scores, ids = memo.letters, memo.pieces, memo.limits, model.scores, output.ids
    counts = output.counts
    position: Int = np.int64(0)
    while True:
        position, counts[0], before = _write_remembered(text, starts, memo, scores, ids, position, counts[0], before)
        if position + 1 == len(starts):
            return
        start, end = np.int64(starts[position]), np.int64(starts[position + 1])
        first: Int = -1
        if end - start <= MARK + LONGEST_REMEMBERED:
            word = _word_at(text, start + MARK, end - start - MARK, len(letters) // _LINE)
            if not _brought_forward(letters, pieces, word):
                _remember(model, memo, word, text, start, scratch)
                _brought_forward(letters, pieces, word)
            if _stands_at(letters, pieces, word, word.at):
                first = 2 * word.at
        if first >= 0 and abs(before) < limits[first + _LIMIT]:
            count = (pieces[first + _SHAPE] >> 8) & 0xFF
            for k in range(count):
                piece = pieces[first + _PIECES + k]
                ids[counts[0] + k] = piece
                before = np.float32((model.unknown_score if piece == model.unknown else scores[piece]) + before)
        else:
            before = cut_word(model, text, start, end, before, scratch.lengths, scratch.sums)
            count = _write_cut(model, text, start, end, scratch.lengths, ids, counts[0])
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
    lengths, sums = np.zeros(1024, np.uint8), np.empty(RING, np.float32)
    longest = MARK + LONGEST_REMEMBERED + 1
    best, second = np.empty(longest), np.empty(longest)
    for row in range(len(offsets) - 1):
        room, size, words = normalized(data, offsets[row], offsets[row + 1], table, room)
        room.starts[words] = size
        lengths = _with_room(lengths, np.int64(0), size + 1)
        ids, letters = _with_room(ids, counts[0], size), _with_room(letters, counts[1], size)
        ends = _with_room(ends, counts[2] + 1, size)
        output = Output(ids, letters, ends, counts)
        _encode_row(room.text, room.starts[: words + 1], model, memo, Scratch(lengths, sums, best, second), output)
        rows[row + 1] = counts[3] = counts[0]
    return ids[: counts[0]], rows, letters[: counts[1]], ends[: counts[2] + 1]
