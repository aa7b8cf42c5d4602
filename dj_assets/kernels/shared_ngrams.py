"""Find word n-grams of texts in an index of other texts, by 64-bit hashes of normalised words."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.code_points import (
    CODE_POINTS,
    LETTERS_END,
    SPACE,
    all_characters,
    code_point_at,
    code_point_flags,
)
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.lower_case import ASK, lower_points

# Kinds of characters: part of a word, removed, between words, a word by itself.
IN_WORD, REMOVED, BETWEEN, ALONE = range(4)
# Punctuation, symbols, and characters without width or meaning of their own.
_REMOVED_CATEGORIES = ("P", "S", "Cf", "Cc")
# Scripts that are written without spaces: Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han.
_WITHOUT_SPACES = ((0x0E00, 0x0F00), (0x0F00, 0x10A0), (0x1780, 0x1800), (0x3040, 0x3100), (0x3400, 0xA000))
_HAN_BEYOND = ((0xF900, 0xFB00), (0x20000, 0x32000))
_FINAL_SIGMA, _SIGMA = 0x3C2, 0x3C3

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_LENGTH = np.uint64(0xD6E8FEB86659FD93)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)

# The columns of `find_ngrams`.
NGRAMS, WORDS, BEST_NGRAMS, BEST_DOCUMENT, FIRST_WORD, FIRST_LENGTH = range(6)


class HashedWords(NamedTuple):
    """Hold the words of every row: row `i` has those from `rows[i]` to `rows[i + 1]`.

    `hashes`, and the bytes at which each word starts and ends, have the shape `(words,)`.
    """

    hashes: UInt64s
    starts: Int64s
    ends: Int64s
    rows: Int64s


class NgramIndex(NamedTuple):
    """Hold the n-grams of documents in a hash table.

    A slot holds the hash of an n-gram, 0 if it is free, and the number of the n-gram. The n-gram `i` is in the
    documents `documents[starts[i]:starts[i + 1]]`. `sizes` has the number of different n-grams of each document, and
    `lengths` the different numbers of words of n-grams.
    """

    slots: UInt64s
    ngrams: Int32s
    starts: Int64s
    documents: Int32s
    sizes: Int64s
    lengths: Int64s


@cache
def word_points() -> tuple[Int32s, Bytes]:
    """Return the lower case of every code point, and its kind; shape `(0x110000,)` each."""
    lower = np.arange(CODE_POINTS, dtype=np.int32)
    lower[:LETTERS_END] = lower_points()
    for point in np.flatnonzero(lower == ASK).tolist():
        letters = chr(point).lower()
        lower[point] = ord(letters) if len(letters) == 1 else point
    lower[_FINAL_SIGMA] = _SIGMA
    kinds = np.full(CODE_POINTS, IN_WORD, np.uint8)
    removed = (unicodedata.category(c).startswith(_REMOVED_CATEGORIES) for c in all_characters(LETTERS_END))
    kinds[:LETTERS_END] = np.where(np.fromiter(removed, bool, LETTERS_END), REMOVED, IN_WORD)
    for first, end in (*_WITHOUT_SPACES, *_HAN_BEYOND):
        kinds[first:end] = np.where(kinds[first:end] == IN_WORD, ALONE, kinds[first:end])
    kinds[(code_point_flags() & SPACE) > 0] = BETWEEN
    return lower, kinds


@kernel
def _mixed(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> _30)) * _MIX_1
    value = (value ^ (value >> _27)) * _MIX_2
    return value ^ (value >> _31)


@kernel
def hash_words(data: Bytes, offsets: Int32s, lower: Int32s, kinds: Bytes) -> HashedWords:
    """Return the words of every row in lower case, without punctuation; a character of its own kind is one word."""
    # two words have a byte between them, or are characters of three bytes
    most = (np.int64(offsets[-1]) - offsets[0]) // 2 + len(offsets)
    hashes, starts, ends = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)
    rows = np.zeros(len(offsets), np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        i, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        within = False
        hashed = _OFFSET
        while i < end:
            point, width = code_point_at(data, i)
            kind = kinds[point]
            if within and (kind in (BETWEEN, ALONE)):
                hashes[count] = _mixed(hashed)
                count += 1
                within = False
            if kind in (IN_WORD, ALONE):
                if not within:
                    hashed, starts[count] = _OFFSET, i
                within = True
                hashed = (hashed ^ np.uint64(lower[point])) * _PRIME
                ends[count] = i + width
                if kind == ALONE:
                    hashes[count] = _mixed(hashed)
                    count += 1
                    within = False
            i += width
        if within:
            hashes[count] = _mixed(hashed)
            count += 1
        rows[row + 1] = count
    return HashedWords(hashes[:count].copy(), starts[:count].copy(), ends[:count].copy(), rows)


@kernel
def _prefixes(hashes: UInt64s, first: Int, last: Int, out: UInt64s) -> None:
    """Write the hashes of the first 0, 1, 2, … words of a row; differences of them are hashes of n-grams."""
    out[0] = np.uint64(0)
    for k in range(last - first):
        out[k + 1] = out[k] * _BASE + hashes[first + k]


@kernel
def _power(length: Int) -> np.uint64:
    power = np.uint64(1)
    for _ in range(length):
        power *= _BASE
    return power


@kernel
def _ngram(prefixes: UInt64s, at: Int, length: Int, power: np.uint64) -> np.uint64:
    """Return the hash of the `length` words from `at`; it is never 0."""
    value = _mixed(prefixes[at + length] - prefixes[at] * power + np.uint64(length) * _LENGTH)
    return value if value != np.uint64(0) else np.uint64(1)


@kernel
def hash_ngrams(words: HashedWords, size: int, least: int) -> tuple[UInt64s, Int64s, Int64s]:
    """Return the hash of every n-gram of `size` words, its row, and its number of words.

    A row with fewer words, but at least `least` of them, is one n-gram of all its words.
    """
    hashes, rows = words.hashes, words.rows
    most = len(hashes) + len(rows)
    out, of_row, lengths = np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64)
    prefixes = np.empty(len(hashes) + 1, np.uint64)
    count = 0
    for row in range(len(rows) - 1):
        number = rows[row + 1] - rows[row]
        length = min(number, np.int64(size))
        if number < min(least, size) or number == 0:
            continue
        _prefixes(hashes, rows[row], rows[row + 1], prefixes)
        power = _power(length)
        for at in range(number - length + 1):
            out[count] = _ngram(prefixes, at, length, power)
            of_row[count], lengths[count] = row, length
            count += 1
    return out[:count].copy(), of_row[:count].copy(), lengths[:count].copy()


@kernel
def fill_slots(hashes: UInt64s, bits: int) -> tuple[UInt64s, Int32s]:
    """Return the slots of a hash table of `2**bits` slots for different hashes, and the number of the hash in each."""
    slots, numbers = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
    mask, shift = np.uint64((1 << bits) - 1), np.uint64(64 - bits)
    for number in range(len(hashes)):
        slot = hashes[number] >> shift
        while slots[slot] != np.uint64(0):
            slot = (slot + np.uint64(1)) & mask
        slots[slot], numbers[slot] = hashes[number], number
    return slots, numbers


@kernel
def _number_of(value: np.uint64, slots: UInt64s, ngrams: Int32s, shift: np.uint64) -> Int:
    """Return the number of an n-gram of the index by its hash, -1 if it has none."""
    mask = np.uint64(len(slots) - 1)
    slot = value >> shift
    while slots[slot] != np.uint64(0):
        if slots[slot] == value:
            return np.int64(ngrams[slot])
        slot = (slot + np.uint64(1)) & mask
    return np.int64(-1)


@kernel
def _best(found: Int64s, count: Int, index: NgramIndex, shared: Int64s, out: Int64s) -> None:
    """Write the document of which the found n-grams are the largest share, and how many of its n-grams they are."""
    distinct = np.unique(found[:count])
    for number in distinct:
        for k in range(index.starts[number], index.starts[number + 1]):
            shared[index.documents[k]] += 1
    for number in distinct:
        for k in range(index.starts[number], index.starts[number + 1]):
            document = np.int64(index.documents[k])
            best = out[BEST_DOCUMENT]
            # shares are compared as products of whole numbers; of equal ones, the first document is the best
            more = -1 if best < 0 else shared[document] * index.sizes[best] - out[BEST_NGRAMS] * index.sizes[document]
            if best < 0 or more > 0 or (more == 0 and document < best):
                out[BEST_DOCUMENT], out[BEST_NGRAMS] = document, shared[document]
    for number in distinct:
        for k in range(index.starts[number], index.starts[number + 1]):
            shared[index.documents[k]] = 0


@kernel
def _find_in_row(prefixes: UInt64s, words: Int, index: NgramIndex, powers: UInt64s, found: Int64s, out: Int64s) -> Int:
    """Find the n-grams of a row, write counts and the first one; return the number of those in `found`."""
    # the table has a power of two slots
    shift, slots = np.uint64(64), len(index.slots)
    while slots > 1:
        shift -= np.uint64(1)
        slots >>= 1
    count, covered = np.int64(0), np.int64(0)
    for at in range(words):
        longest = np.int64(0)
        for k in range(len(powers)):
            length = index.lengths[k]
            if at + length > words:
                continue
            number = _number_of(_ngram(prefixes, at, length, powers[k]), index.slots, index.ngrams, shift)
            if number >= 0:
                longest = length
                found[count] = number
                count += 1
        if longest:
            if not out[NGRAMS]:
                out[FIRST_WORD], out[FIRST_LENGTH] = at, longest
            out[NGRAMS] += 1
            out[WORDS] += max(np.int64(0), at + longest - max(np.int64(at), covered))
            covered = max(covered, at + longest)
    return count


@kernel
def find_ngrams(words: HashedWords, index: NgramIndex) -> Int64s:
    """Find the n-grams of every row in an index.

    Returns
    -------
    With the columns `NGRAMS … FIRST_LENGTH`, shape `(rows, 6)`: the number of positions at which an n-gram of the index
    begins, the number of words in them, the document of which the row has the largest share with the number of its
    n-grams in the row, and the first word of the row and the length of the first such n-gram; -1 where there is none.
    """
    rows = words.rows
    out = np.zeros((len(rows) - 1, 6), np.int64)
    out[:, BEST_DOCUMENT:] = -1
    powers = np.empty(len(index.lengths), np.uint64)
    for k in range(len(powers)):
        powers[k] = _power(index.lengths[k])
    longest = np.int64(0)
    for row in range(len(out)):
        longest = max(longest, rows[row + 1] - rows[row])
    prefixes, found = np.empty(longest + 1, np.uint64), np.empty(longest * len(powers), np.int64)
    shared = np.zeros(len(index.sizes), np.int64)
    for row in range(len(out)):
        _prefixes(words.hashes, rows[row], rows[row + 1], prefixes)
        count = _find_in_row(prefixes, rows[row + 1] - rows[row], index, powers, found, out[row])
        if count:
            _best(found, count, index, shared, out[row])
    return out
