"""Classify texts as fastText does (Joulin et al. 2016), with the input rows of every word cached.

fastText spends its time on hashing the character n-grams of every word, and words repeat (Zipf). Here the list of input
rows of a word is cached and verified by the bytes of the word, so that a text costs the additions only. The additions
have the order and precision of the library: the hidden vector is the same to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Doubles, Int, Int32s, Int64s, UInt64s
from dj_assets.kernels.fasttext_words import FNV_BASIS, WORDS, FastTextWords, hash_byte, room_for_words, split_some
from dj_assets.kernels.jit import kernel, uncounted
from dj_assets.kernels.word_memo import COPIED, LONGEST_REMEMBERED, Memo, copy_rows, equal, record, remember, touch

Floats = npt.NDArray[np.float32]

# The number of bytes of a word that are cut into n-grams at a time; the number of rows that are queued before they are
# added.
CHUNK, QUEUE = 64, 2048
MARKS = b"</s>__label__"

# Input rows are padded to a multiple of this length.
BLOCK = 16


class Classifier(NamedTuple):
    """Hold a fastText classifier. `slots` is an open hash table of words, -1 where empty; its size is a power of two.

    `rows` are the input rows one after the other, each padded with zeros to `width`, a multiple of `BLOCK`. `marks` are
    the bytes of `MARKS`, the words with a special meaning for fastText: the end of a sentence, and the prefix of
    labels. `kept` has one bit per bucket: whether `row_of_bucket` has a row. Most buckets of a compressed model have
    none.
    """

    rows: Floats
    width: int
    row_of_bucket: Int32s
    kept: Bytes
    shortest: int
    longest: int
    slots: Int32s
    letters: Bytes
    word_offsets: Int64s
    end_of_sentence: int
    marks: Bytes
    output: Floats
    left: Int32s
    right: Int32s


class Scratch(NamedTuple):
    """Hold scratch space: a word in angle brackets, the rows to be added, and the records that `touch` finds."""

    word: Bytes
    queue: Int32s
    touched: UInt64s


@uncounted
def word_slots(letters: Bytes, offsets: Int64s, slots: Int32s) -> None:
    """Enter words into an open hash table; the table has more slots than there are words."""
    mask = len(slots) - 1
    for word in range(len(offsets) - 1):
        code = FNV_BASIS
        for i in range(offsets[word], offsets[word + 1]):
            code = hash_byte(code, letters[i])
        slot = np.int64(code) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = word


@uncounted
def _known_word(model: Classifier, word: Bytes, code: np.uint32) -> Int:
    """Return the number of a word in angle brackets in the dictionary, -1 if it is not there."""
    mask = len(model.slots) - 1
    slot = np.int64(code) & mask
    while model.slots[slot] >= 0:
        known = np.int64(model.slots[slot])
        at, end = model.word_offsets[known], model.word_offsets[known + 1]
        if end - at == len(word) - 2 and equal(model.letters, at, word, 1, end - at):
            return known
        slot = (slot + 1) & mask
    return -1


@uncounted
def _add(hidden: Floats, rows: Floats, chosen: Int32s) -> None:
    """Add the chosen rows one after the other, eight numbers at a time, so that a block of sums stays in registers."""
    width = np.uint64(len(hidden))
    eights = len(chosen) - len(chosen) % 8
    for i in range(0, eights, 8):
        a, b = np.uint64(chosen[i]) * width, np.uint64(chosen[i + 1]) * width
        c, d = np.uint64(chosen[i + 2]) * width, np.uint64(chosen[i + 3]) * width
        e, f = np.uint64(chosen[i + 4]) * width, np.uint64(chosen[i + 5]) * width
        g, h = np.uint64(chosen[i + 6]) * width, np.uint64(chosen[i + 7]) * width
        for k in range(width):
            four = hidden[k] + rows[a + k] + rows[b + k] + rows[c + k] + rows[d + k]
            hidden[k] = four + rows[e + k] + rows[f + k] + rows[g + k] + rows[h + k]
    for i in range(eights, len(chosen)):
        a = np.uint64(chosen[i]) * width
        for k in range(width):
            hidden[k] += rows[a + k]


@uncounted
def _queue_ngrams(model: Classifier, word: Bytes, start: Int, stop: Int, queue: Int32s, queued: Int) -> Int:
    """Queue the rows of the character n-grams that start in the bytes `start` to `stop` of a word in angle brackets."""
    kept, row_of_bucket = model.kept, model.row_of_bucket
    buckets = np.uint32(len(row_of_bucket))
    for first in range(start, stop):
        if word[first] & 0xC0 == 0x80:
            continue
        code = FNV_BASIS
        i = first
        n = 1
        while n <= model.longest and i < len(word):
            code = hash_byte(code, word[i])
            i += 1
            while i < len(word) and word[i] & 0xC0 == 0x80:
                code = hash_byte(code, word[i])
                i += 1
            bucket = np.int64(code % buckets)
            bracket_alone = n == 1 and (first == 0 or i == len(word))
            if n >= model.shortest and not bracket_alone and kept[bucket >> 3] >> (bucket & 7) & 1:
                queue[queued] = row_of_bucket[bucket]
                queued += 1
            n += 1
    return queued


@uncounted
def _queue_word(
    model: Classifier, word: Bytes, code: np.uint32, queue: Int32s, queued: Int, hidden: Floats
) -> tuple[Int, Int]:
    """Queue the rows of a word in angle brackets; return the length of the queue and the number of the rows."""
    count = -queued
    known = _known_word(model, word, code)
    if known >= 0:
        queue[queued] = known
        queued += 1
    for start in range(0, len(word), CHUNK):
        if queued > QUEUE:
            _add(hidden, model.rows, queue[:queued])
            count += queued
            queued = np.int64(0)
        queued = _queue_ngrams(model, word, start, min(start + CHUNK, len(word)), queue, queued)
    return queued, count + queued


@uncounted
def _starts_with(data: Bytes, start: Int, length: Int, text: Bytes) -> bool:
    return bool(length >= len(text) and equal(text, 0, data, start, len(text)))


@uncounted
def _bracket(data: Bytes, start: Int, length: Int, scratch: Bytes) -> None:
    """Write a word in angle brackets, the form that fastText cuts into n-grams."""
    scratch[0], scratch[length + 1] = 60, 62
    for i in range(length):
        scratch[i + 1] = data[start + i]


@uncounted
def _queue_words(
    model: Classifier,
    memo: Memo,
    data: Bytes,
    words: FastTextWords,
    count: int,
    scratch: Scratch,
    queued: Int,
    hidden: Floats,
) -> tuple[Int, Int, bool]:
    """Queue the rows of some words; return the length of the queue, the number of rows, and whether the text ends."""
    total: Int = 0
    for word in range(count):
        # room for one more row: a word that may be cached is not added in parts
        if queued >= QUEUE:
            _add(hidden, model.rows, scratch.queue[:queued])
            queued = np.int64(0)
        first, code = words.starts[word], words.codes[word]
        length = words.ends[word] - first
        head = record(memo, data, first, length, code)
        if head:
            new = copy_rows(memo, head, scratch.queue, queued)
            queued += new
            total += new
            continue
        if length == 4 and _starts_with(data, first, length, model.marks[:4]):
            return queued, total, True  # fastText ends the text at a written-out end of a sentence
        if _starts_with(data, first, length, model.marks[4:]):
            continue  # a label is no word
        _bracket(data, first, length, scratch.word)
        queued, new = _queue_word(model, scratch.word[: length + 2], code, scratch.queue, queued, hidden)
        total += new
        if length <= LONGEST_REMEMBERED:
            remember(memo, data, first, length, code, scratch.queue[queued - new : queued])
    return queued, total, False


@uncounted
def _hidden(
    model: Classifier,
    memo: Memo,
    data: Bytes,
    start: Int,
    end: Int,
    words: FastTextWords,
    scratch: Scratch,
    hidden: Floats,
) -> None:
    """Write the mean of the input rows of a text."""
    hidden[:] = np.float32(0)
    total: Int = 0
    queued: Int = np.int64(0)
    count, ended = WORDS, False
    while count == WORDS and not ended:
        start, count = split_some(data, np.int64(start), end, words)
        touch(memo, words.codes[:count], scratch.touched)
        queued, new, ended = _queue_words(model, memo, data, words, count, scratch, queued, hidden)
        total += new
    if model.end_of_sentence >= 0:
        scratch.queue[queued] = model.end_of_sentence
        queued += 1
        total += 1
    _add(hidden, model.rows, scratch.queue[:queued])
    if total:
        scale = np.float32(1.0 / total)
        for d in range(len(hidden)):
            hidden[d] *= scale


@uncounted
def _log(value: np.float32) -> np.float32:
    return np.float32(np.log(np.float64(value) + 1e-5))


@uncounted
def _best_two(model: Classifier, hidden: Floats, nodes: Int32s, scores: Floats) -> tuple[Int, float, float]:
    """Return the likeliest label, its probability and that of the second label; nodes and scores are scratch space."""
    labels = (len(model.left) + 1) // 2
    label: Int = -1
    best = second = np.float32(-np.inf)
    nodes[0], scores[0] = len(model.left) - 1, np.float32(0)
    waiting = 1
    while waiting:
        waiting -= 1
        node, score = np.int64(nodes[waiting]), scores[waiting]
        if score <= second:
            continue
        if model.left[node] < 0:
            if score > best:
                label, best, second = node, score, best
            else:
                second = score
            continue
        product = np.float32(0)
        for k in range(model.output.shape[1]):
            product += model.output[node - labels, k] * hidden[k]
        right = np.float32(1.0 / np.float64(np.float32(1) + np.exp(-product)))
        left = np.float32(1.0 - np.float64(right))
        turn = 1 if left < right else 0
        # the likelier child is on top of the stack, so most of the tree is never visited
        nodes[waiting + turn], scores[waiting + turn] = model.right[node], score + _log(right)
        nodes[waiting + 1 - turn], scores[waiting + 1 - turn] = model.left[node], score + _log(left)
        waiting += 2
    return label, np.float64(np.float32(np.exp(best))), np.float64(np.float32(np.exp(second)))


@kernel
def classify(data: Bytes, offsets: Int32s, model: Classifier, memo: Memo) -> tuple[Int32s, Doubles, Doubles]:
    """Return the likeliest label of every row, its probability and that of the second label, each of shape `(rows,)`.

    Words are separated by ASCII white space and NUL, as in fastText. Probabilities equal the library's except for the
    last bits of the exponentials.
    """
    count = len(offsets) - 1
    longest = 0
    for row in range(count):
        longest = max(longest, np.int64(offsets[row + 1]) - offsets[row])
    queue = np.empty(QUEUE + CHUNK * model.longest + 2 + COPIED, np.int32)
    scratch = Scratch(np.empty(longest + 2, np.uint8), queue, np.empty(WORDS, np.uint64))
    words = room_for_words()
    hidden = np.empty(model.width, np.float32)
    nodes, scores = np.empty(len(model.left) + 1, np.int32), np.empty(len(model.left) + 1, np.float32)
    labels = np.empty(count, np.int32)
    best, second = np.empty(count, np.float64), np.empty(count, np.float64)
    for row in range(count):
        _hidden(model, memo, data, offsets[row], offsets[row + 1], words, scratch, hidden)
        labels[row], best[row], second[row] = _best_two(model, hidden, nodes, scores)
    return labels, best, second
