"""Cutting texts into the pieces of a unigram model as SentencePiece does (Kudo 2018), with words remembered.

SentencePiece adds the scores of pieces up over the whole text, in single precision, so where two ways to cut a word are
nearly equal, what stands before the word decides. Here a word is remembered with the pieces it has, and with how large
the sum before it may be for them to be the only answer that rounding leaves open; beyond that, and for words not
remembered, the search is made as the library makes it, from the same sum. So the pieces are the library's, always.
No piece may reach over the beginning of a word.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s
from dj_assets.kernels.character_map import MARK_1, MARK_2, MARK_3, CharacterMap, normalized
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.unigram import RESET, RING, Floats, Unigram, cut_word, margin_of, piece_at, width_of

AnyArray = TypeVar("AnyArray", Int32s, Int64s, Bytes)

# Longer words are rare and are cut anew each time.
LONGEST_REMEMBERED = 48
# Two sums of n numbers can be off by n times this of the larger one: each step rounds both to 24 bits.
_ROUNDING = 2.0**-23


class Memo(NamedTuple):
    """The words met so far, bounded: when it is full, all is forgotten.

    `slots` is an open hash table of words from 1, 0 where empty. Word `w` is `letters[starts[w]:starts[w + 1]]`, its
    pieces are `pieces[firsts[w]:firsts[w + 1]]`; they hold while the sum before is within `limits[w]`. `used` counts
    the words.
    """

    slots: Int32s
    hashes: Int64s
    letters: Bytes
    starts: Int32s
    pieces: Int32s
    firsts: Int32s
    limits: Doubles
    used: Int64s


def new_memo(words: int = 1 << 18) -> Memo:
    """Return an empty memo for up to `words` words, about 80 bytes each."""
    return Memo(
        slots=np.zeros(2 * words, np.int32),
        hashes=np.zeros(words + 1, np.int64),
        letters=np.zeros(12 * words, np.uint8),
        starts=np.zeros(words + 2, np.int32),
        pieces=np.zeros(6 * words, np.int32),
        firsts=np.zeros(words + 2, np.int32),
        limits=np.zeros(words + 1),
        used=np.ones(1, np.int64),
    )


@kernel
def _find(memo: Memo, text: Bytes, start: Int, end: Int, code: Int) -> tuple[Int, Int]:
    """Return the number of a word, 0 where it is not known, and its slot."""
    mask = len(memo.slots) - 1
    slot = (code ^ (code >> 32)) & mask
    while memo.slots[slot]:
        word = np.int64(memo.slots[slot])
        if memo.hashes[word] == code and memo.starts[word + 1] - memo.starts[word] == end - start:
            i: Int = 0
            while i < end - start and memo.letters[memo.starts[word] + i] == text[start + i]:
                i += 1
            if i == end - start:
                return word, slot
        slot = (slot + 1) & mask
    return 0, slot


@kernel
def _remember(
    model: Unigram,
    memo: Memo,
    text: Bytes,
    start: Int,
    end: Int,
    code: Int,
    slot: Int,
    lengths: Bytes,
    best: Doubles,
    second: Doubles,
) -> Int:
    """Remember a short word and return its number; 0 where the memo was full."""
    margin = margin_of(model, text, start, end, lengths, best, second)
    size = end - start
    word: Int = memo.used[0]
    first = np.int64(memo.firsts[word])
    count, at = 0, size
    while at > 0:
        at -= np.int64(lengths[at])
        count += 1
    full = word + 1 >= len(memo.limits) or memo.starts[word] + size > len(memo.letters)
    if full or first + count > len(memo.pieces):
        memo.slots[:] = 0
        memo.used[0] = 1
        return 0
    at = size
    for k in range(count - 1, -1, -1):
        length = np.int64(lengths[at])
        memo.pieces[first + k] = piece_at(model, text, start + at - length, start + at)
        at -= length
    for k in range(size):
        memo.letters[memo.starts[word] + k] = text[start + k]
    memo.starts[word + 1] = memo.starts[word] + size
    memo.firsts[word + 1] = first + count
    memo.hashes[word] = code
    sure: float = min(float(margin / ((size + 1) * _ROUNDING)), float(RESET))
    memo.limits[word] = sure - (size + 1) * float(model.largest)
    memo.slots[slot] = word
    memo.used[0] = word + 1
    return word


@kernel
def _word_end(text: Bytes, start: Int, end: Int) -> tuple[Int, Int]:
    """Return where a word ends, before the next mark or at the end, and its hash."""
    code = np.int64(-3750763034362895579)
    at = start
    while at < end:
        byte = text[at]
        if byte == MARK_1 and at > start and at + 2 < end and text[at + 1] == MARK_2 and text[at + 2] == MARK_3:
            break
        code = (code ^ np.int64(byte)) * np.int64(1099511628211)
        at += 1
    return at, code


@kernel
def _write_cut(model: Unigram, text: Bytes, start: Int, end: Int, lengths: Bytes, ids: Int32s, written: Int) -> Int:
    """Write the pieces of a word that was cut, every unknown character by itself; return their number."""
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
    """Return the array, or one with the same beginning and room for more; what is not used takes no memory."""
    if used + room <= len(array):
        return array
    larger = np.empty(max(2 * len(array), used + room), array.dtype)
    larger[:used] = array[:used]
    return larger


class Scratch(NamedTuple):
    """Arrays to search in: for every end in a word the length of the best piece, its sum, the best and second best."""

    lengths: Bytes
    sums: Floats
    best: Doubles
    second: Doubles


class Output(NamedTuple):
    """Arrays to write to, with room for a row: pieces, bytes of the unknown ones, where these end; how many of each."""

    ids: Int32s
    letters: Bytes
    ends: Int64s
    counts: Int64s


@kernel
def _encode_row(text: Bytes, size: Int, model: Unigram, memo: Memo, scratch: Scratch, output: Output) -> None:
    """Cut a normalized row into pieces. Arrays are taken out of their tuples once: each look counts a reference."""
    ids, letters, ends, lengths, sums = output.ids, output.letters, output.ends, scratch.lengths, scratch.sums
    unknown, scores, unknown_score = model.unknown, model.scores, model.unknown_score
    piece_lengths, limits, best, second = model.lengths, memo.limits, scratch.best, scratch.second
    row: Int = output.counts[0]
    spelled: Int = output.counts[1]
    strange: Int = output.counts[2]
    written: Int = row
    before = np.float32(0.0)
    start: Int = 0
    while start < size:
        end, code = _word_end(text, start, size)
        word: Int = 0
        if end - start <= LONGEST_REMEMBERED:
            word, slot = _find(memo, text, start, end, code)
            if not word:
                word = _remember(model, memo, text, start, end, code, slot, lengths, best, second)
        known = word > 0 and abs(before) < limits[word]
        if known:
            behind, last = before, written + _write_remembered(memo, word, ids, written)
        else:
            behind = cut_word(model, text, start, end, before, lengths, sums)
            last = written + _write_cut(model, text, start, end, lengths, ids, written)
        for k in range(written, last):
            piece = ids[k]
            if piece != unknown:
                ids[written] = piece
                written += 1
                start += piece_lengths[piece]
                before = np.float32(scores[piece] + before)
                continue
            width = width_of(text[start])
            for i in range(start, start + width):
                letters[spelled] = text[i]
                spelled += 1
            start += width
            before = np.float32(unknown_score + before)
            if written == row or ids[written - 1] != unknown:
                ids[written] = unknown
                written, strange = written + 1, strange + 1
            ends[strange] = spelled
        before = before if known else behind
    output.counts[0], output.counts[1], output.counts[2] = written, spelled, strange


@kernel
def _write_remembered(memo: Memo, word: Int, ids: Int32s, written: Int) -> Int:
    """Write the pieces of a remembered word, every unknown character by itself; return their number."""
    first, last = np.int64(memo.firsts[word]), np.int64(memo.firsts[word + 1])
    for k in range(last - first):
        ids[written + k] = memo.pieces[first + k]
    return last - first


@kernel
def encode(
    data: Bytes, offsets: Int32s, table: CharacterMap, model: Unigram, memo: Memo
) -> tuple[Int32s, Int64s, Bytes, Int64s]:
    """Cut every row into pieces; unknown characters beside each other make one.

    Returns
    -------
    The pieces of all rows; where those of each row begin, shape `(rows + 1,)`; the bytes of the unknown pieces, as they
    are normalized, and where each begins, shape `(unknown pieces + 1,)`.
    """
    ids, letters, ends = np.empty(len(data) // 3 + 64, np.int32), np.empty(64, np.uint8), np.zeros(64, np.int64)
    counts, rows = np.zeros(3, np.int64), np.zeros(len(offsets), np.int64)
    text, lengths, sums = np.empty(1024, np.uint8), np.zeros(1024, np.uint8), np.empty(RING, np.float32)
    best, second = np.empty(LONGEST_REMEMBERED + 1), np.empty(LONGEST_REMEMBERED + 1)
    for row in range(len(offsets) - 1):
        text, size = normalized(data, offsets[row], offsets[row + 1], table, text)
        lengths = _with_room(lengths, 0, size + 1)
        ids, letters = _with_room(ids, counts[0], size), _with_room(letters, counts[1], size)
        ends = _with_room(ends, counts[2] + 1, size)
        output = Output(ids, letters, ends, counts)
        _encode_row(text, size, model, memo, Scratch(lengths, sums, best, second), output)
        rows[row + 1] = counts[0]
    return ids[: counts[0]], rows, letters[: counts[1]], ends[: counts[2] + 1]
