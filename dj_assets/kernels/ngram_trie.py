"""Score word numbers with a KenLM trie as its library does: the same steps in the same single precision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int32s, Int64s, UInt64s, zeros_in_lines
from dj_assets.kernels.jit import inlined, kernel, uncounted
from dj_assets.kernels.unaligned import prefetch

Floats = npt.NDArray[np.float32]
UInt32s = npt.NDArray[np.uint32]

_MIX = np.uint64(0xC6A4A7935BD1E995)
_SHIFT = np.uint64(47)
_WORD = np.uint64(64)
_NONE, _ONE, _SIX, _LAST = np.uint64(0), np.uint64(1), np.uint64(6), np.uint64(63)
_SIGN = np.uint32(0x80000000)
# A backoff of minus zero means that no longer n-gram begins with this one.
_NO_EXTENSION = np.uint32(0x80000000)
_PROBABILITY_BITS, _BACKOFF_BITS = np.uint64(31), np.uint64(32)
# The columns of a table of levels.
START, ENTRY_BITS, WORD_BITS, NEXT_BITS = range(4)
# A cached word is keyed by this number of words before it; each of them is a number of `_KEY_BITS` bits.
_REMEMBERED = np.uint64(2)
_KEY_BITS = np.uint64(20)
_IN_USE = np.uint64(1 << 63)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
# The number of 64-bit numbers of a cached word: its key, its weights of 32 bits each, and the context after it.
_LINE = 4
_KNOWN = np.uint64(3)
_PROBABILITY, _BACKOFFS = np.uint64(2), np.uint64(3)
# The number of words by which cached words are loaded ahead.
_AHEAD = 8
# An entry is searched by single steps where it is guessed to be this near; the most of these steps.
_NEAR, _SCANNED = 8.0, 24


class Transitions(NamedTuple):
    """Cache of recent words after up to two context words: their weights, and the context that matters after them.

    The table has no chains: a word replaces the word in its slot. `lines` has four numbers per word, the key first;
    `weights` is the same memory.
    """

    lines: UInt64s
    weights: Floats


def new_transitions(count: int = 1 << 17) -> Transitions:
    """Return an empty cache of `count` words, a power of two, with 32 bytes each."""
    lines = zeros_in_lines(_LINE * count)
    return Transitions(lines, lines.view(np.float32))


@kernel
def _little_endian(data: Bytes, at: Int, count: Int) -> np.uint64:
    value = np.uint64(0)
    for i in range(count):
        value |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return value


@kernel
def word_hashes(data: Bytes, offsets: Int32s) -> UInt64s:
    """Return the hash by which KenLM identifies each word (MurmurHash64A, seed 0), shape `(len(offsets) - 1,)`."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(hashes)):
        at, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        value = np.uint64(end - at) * _MIX
        while end - at >= 8:
            block = _little_endian(data, at, 8) * _MIX
            value = (value ^ ((block ^ (block >> _SHIFT)) * _MIX)) * _MIX
            at += 8
        if at < end:
            value = (value ^ _little_endian(data, at, end - at)) * _MIX
        value = (value ^ (value >> _SHIFT)) * _MIX
        hashes[row] = value ^ (value >> _SHIFT)
    return hashes


@inlined
def _bits(file: UInt64s, at: np.uint64, count: np.uint64) -> np.uint64:
    """Return up to 57 bits of the file, the lowest first."""
    word, shift = at >> _SIX, at & _LAST
    value: np.uint64 = file[word] >> shift
    if shift + count > _WORD:
        value |= file[word + _ONE] << (_WORD - shift)
    return value & ((_ONE << count) - _ONE)


class Entries(NamedTuple):
    """Hold the place of the entries of a level: the first bit, and the number of bits of an entry and of its word."""

    start: np.uint64
    step: np.uint64
    width: np.uint64


@inlined
def _word_of(file: UInt64s, entries: Entries, index: np.uint64) -> np.uint64:
    return _bits(file, entries.start + index * entries.step, entries.width)


@uncounted
def _find_between(file: UInt64s, entries: Entries, first: np.uint64, end: np.uint64, word: np.uint64) -> np.uint64:
    """Return the index of the sorted entry from `first` to `end` that begins with the word, `end` if there is none."""
    low, high = first, end
    while low < high:
        middle = low + ((high - low) >> _ONE)
        if _word_of(file, entries, middle) < word:
            low = middle + _ONE
        else:
            high = middle
    return low if low < end and _word_of(file, entries, low) == word else end


@inlined
def _find(
    file: UInt64s, entries: Entries, first: np.uint64, end: np.uint64, word: np.uint64, share: float
) -> np.uint64:
    """Return what `_find_between` does, most often from two or three entries; there is at least one entry.

    Words are evenly distributed hashes, so a position is guessed from the `share` that one word is of all words, and
    corrected once by the entry that stands there. The wanted one is a few entries away.
    """
    density = np.float64(end - first) * share
    last = end - _ONE
    at = min(first + np.uint64(np.float64(word) * density), last)
    found = _word_of(file, entries, at)
    away = (np.float64(word) - np.float64(found)) * density
    if abs(away) > _NEAR:
        at = first + np.uint64(min(max(np.float64(at - first) + away, 0.0), np.float64(last - first)))
        found = _word_of(file, entries, at)
    left = _SCANNED
    while found < word and at < last and left:
        at += _ONE
        left -= 1
        found = _word_of(file, entries, at)
    while found > word and at > first and left:
        at -= _ONE
        left -= 1
        found = _word_of(file, entries, at)
    if found != word:
        return end if left else _find_between(file, entries, first, end, word)
    return at


@inlined
def _match(
    file: UInt64s,
    levels: UInt64s,
    first: np.uint64,
    end: np.uint64,
    context: UInt64s,
    known: np.uint64,
    share: float,
    bits: UInt32s,
) -> tuple[np.uint64, np.uint64]:
    """Follow the context of a word whose bigrams are the entries `first` to `end`.

    Returns
    -------
    The length of the longest n-gram found, and that of the longest one that longer n-grams begin with (1 for none). The
    weights of each order are written to `bits`: `bits[i]` is the backoff of the n-gram of length `i + 1`. For the
    longest n-gram, the probability is written instead, one index later.
    """
    i = np.uint64(0)
    matched = extended = _ONE
    while i < known and first < end:
        entries = Entries(levels[i, START], levels[i, ENTRY_BITS], levels[i, WORD_BITS])
        at = _find(file, entries, first, end, context[i], share)
        if at == end:
            break
        bit = entries.start + at * entries.step + entries.width
        i += _ONE
        matched = i + _ONE
        bits[matched] = np.uint32(_bits(file, bit, _PROBABILITY_BITS)) | _SIGN
        next_bits = levels[i - _ONE, NEXT_BITS]
        if next_bits == _NONE:
            break
        bits[i] = np.uint32(_bits(file, bit + _PROBABILITY_BITS, _BACKOFF_BITS))
        if bits[i] != _NO_EXTENSION:
            extended = matched
        bit += _PROBABILITY_BITS + _BACKOFF_BITS
        first, end = _bits(file, bit, next_bits), _bits(file, bit + entries.step, next_bits)
    return matched, extended


class Sentences(NamedTuple):
    """Hold scratch space to score a sentence.

    `context` has the words before the scored word, nearest first, and `backoffs` those of the n-grams that they end.
    `bits` and `new` are the same memory: the weights of the word's n-grams.
    """

    context: UInt64s
    backoffs: Floats
    bits: UInt32s
    new: Floats


@inlined
def _key(word: np.uint64, known: np.uint64, nearest: np.uint64, second: np.uint64) -> np.uint64:
    """Return the key of a word after `known` words of context, of which at most two count."""
    key = _IN_USE | (known << np.uint64(60)) | word
    key |= (nearest << _KEY_BITS) if known else _NONE
    return key | ((second << (_KEY_BITS + _KEY_BITS)) if known > _ONE else _NONE)


@inlined
def _line_of(key: np.uint64, mask: np.uint64) -> np.uint64:
    return np.uint64(_LINE) * (((key * _SPREAD) >> np.uint64(32)) & mask)


@uncounted
def _score(
    file: UInt64s,
    weights: Floats,
    extensions: UInt64s,
    levels: UInt64s,
    memo: Transitions,
    words: Int32s,
    around: tuple[int, int],
    scratch: Sentences,
) -> np.float32:
    """Return the log10 probability of one sentence, between the two words `around` it."""
    context, backoffs, bits, new = scratch
    lines, remembered = memo
    mask = np.uint64(len(lines) // _LINE - 1)
    share = 1.0 / max(len(weights) - 2.0, 1.0)
    most = _REMEMBERED if len(weights) <= 1 << _KEY_BITS else _NONE
    begin, end = around
    context[0], backoffs[0] = np.uint64(begin), weights[begin, 1]
    known = _ONE
    total = np.float32(0)
    for k in range(len(words) + 1):
        word = np.uint64(end if k == len(words) else words[k])
        if k + _AHEAD < len(words):
            # the context that will matter is one word or two: both lines are loaded
            later = np.uint64(words[k + _AHEAD])
            nearest, second = np.uint64(words[k + _AHEAD - 1]), np.uint64(words[k + _AHEAD - 2])
            prefetch(lines, _line_of(_key(later, _ONE, nearest, second), mask))
            prefetch(lines, _line_of(_key(later, _ONE + _ONE, nearest, second), mask))
        key = _key(word, known, context[0], context[1])
        line = _line_of(key, mask)
        weight = line + line
        short = known <= most
        if short and lines[line] == key:
            total += remembered[weight + _PROBABILITY]
            context[2], context[1], context[0] = context[1], context[0], word
            known = lines[line + _KNOWN]
            for n in range(3):
                backoffs[n] = remembered[weight + _BACKOFFS + n]
            continue
        new[0], new[1] = weights[word, 1], weights[word, 0]
        first, last = extensions[word, 1], extensions[word + _ONE, 1]
        matched, extended = _match(file, levels, first, last, context, known, share, bits)
        probability = new[matched]
        i = matched
        while i <= known:
            probability += backoffs[i - _ONE]
            i += _ONE
        total += probability
        known = _NONE if extended == _ONE and bits[0] == _NO_EXTENSION else extended
        i = known
        while i > _ONE:
            i -= _ONE
            context[i], backoffs[i] = context[i - _ONE], new[i]
        context[0], backoffs[0] = word, new[0]
        if short:
            lines[line], lines[line + _KNOWN] = key, known
            remembered[weight + _PROBABILITY] = probability
            for n in range(3):
                remembered[weight + _BACKOFFS + n] = backoffs[n]
    return total


@kernel
def score_sentences(
    file: UInt64s,
    weights: Floats,
    extensions: UInt64s,
    levels: UInt64s,
    memo: Transitions,
    words: Int32s,
    rows: Int64s,
    around: tuple[int, int],
) -> Floats:
    """Return the log10 probability of each row of words, between the words `around` a sentence.

    Parameters
    ----------
    file, weights, extensions
        The model as `dj_assets.models.kenlm_file` reads it.
    levels
        One row an order from 2 up, with the columns `START`, `ENTRY_BITS`, `WORD_BITS`, `NEXT_BITS`.
    memo
        The cache of words met before in this model; it is changed.
    words, rows
        The words of row `i` are `words[rows[i]:rows[i + 1]]`.

    Returns
    -------
    Sums in single precision, added up in order as the library does, shape `(len(rows) - 1,)`.
    """
    order = max(len(levels) + 1, 3)
    bits = np.zeros(order + 1, np.uint32)
    scratch = Sentences(np.zeros(order, np.uint64), np.zeros(order, np.float32), bits, bits.view(np.float32))
    scores = np.zeros(len(rows) - 1, np.float32)
    for row in range(len(scores)):
        sentence = words[rows[row] : rows[row + 1]]
        scores[row] = _score(file, weights, extensions, levels, memo, sentence, around, scratch)
    return scores
